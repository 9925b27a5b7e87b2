import { accountsNamed, scopesOfUsage, type User } from "#domain/scope.ts";
import { targetOf } from "#domain/target.ts";
import type { Ports } from "./ports.ts";

export interface Usage extends User {
  readonly id: string;
  readonly tenant: string;
  readonly tokens: number;
  readonly microUsd: number;
}

/**
 * Records model usage that has already happened. It cannot be refused: what exceeds a limit is owed, and the next call is refused for it.
 * False when this usage was recorded before.
 *
 * @throws AegisError `unavailable` while the tenant's limits are not known.
 */
export async function reportUsage(ports: Pick<Ports, "policies" | "spending" | "clock">, usage: Usage): Promise<boolean> {
  const now = ports.clock.now().getTime();
  const content = ports.policies.of(usage.tenant);
  const unitsOf = { tokens: usage.tokens, micro_usd: usage.microUsd, actions: 0 };
  const amounts = accountsNamed(content, scopesOfUsage(usage))
    .map((account) => ({ target: targetOf(content, { tenant: usage.tenant, ...account }, now), units: unitsOf[account.unit] }))
    .filter(({ units }) => units > 0);
  return ports.spending.use(usage.tenant, { ...usage, promptId: usage.promptId ?? "" }, amounts, now);
}
