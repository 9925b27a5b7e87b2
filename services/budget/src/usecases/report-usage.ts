import { organisationCharges } from "@aegis/policy/charges";
import { accountsNamed, scopesOfUsage, type User } from "#domain/scope.ts";
import { ownerOf, type Target, targetOf } from "#domain/target.ts";
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
  const own = accountsNamed(content, scopesOfUsage(usage)).map((account) => targetOf(content, { tenant: usage.tenant, ...account }, now));
  const amounts = [...own, ...ofOrganisation(ports, usage.tenant, content.policies.governance.memberOf, now)]
    .map((target) => ({ target, units: unitsOf[target.unit] }))
    .filter(({ units }) => units > 0);
  return ports.spending.use(usage.tenant, { ...usage, promptId: usage.promptId ?? "" }, amounts, now);
}

/** The accounts of the tenant's organisation, as far as it bounds any. */
function ofOrganisation({ policies }: Pick<Ports, "policies">, tenant: string, organisation: string | undefined, now: number): Target[] {
  if (organisation === undefined) return [];
  const limits = policies.of(organisation).policies.governance.organisation?.limits ?? [];
  return organisationCharges(organisation, limits, { microUsd: 0, tokens: 0 }).map(({ scope, unit, window }) => {
    const owner = ownerOf(policies.of, { tenant, scope, unit, window });
    return targetOf(owner.content, owner.account, now);
  });
}
