import { accounts } from "@aegis/policy/limits";
import { remaining } from "#domain/account.ts";
import { accountsNamed } from "#domain/scope.ts";
import { targetOf } from "#domain/target.ts";
import type { Ports } from "./ports.ts";

/** An agent that wants to hand work to another one. */
export interface Spawn {
  readonly tenant: string;
  readonly parent: string;
  readonly child: string;
  readonly promptId: string | undefined;
  readonly sessionId: string | undefined;
}

export type SpawnAnswer =
  | { readonly may: true }
  | {
      readonly may: false;
      readonly code: "budget_exhausted" | "circuit_open";
      readonly message: string;
      /** Undefined: waiting alone does not help. */
      readonly retryAfterMs: number | undefined;
    };

/** Units in an authz's hands may come back within seconds. */
const leasesReturnMs = 1_000;

/**
 * Whether work may be handed on: not while a breaker of either agent or of the prompt is open, and not when nothing is left of a quota of the prompt or the session, which the new agent's calls would be
 * charged to. What authz hold counts as used: a sub-agent that gets its token a moment later is no harm, one too many is.
 *
 * @throws AegisError `unavailable` while the tenant's limits are not known.
 */
export async function maySpawn(ports: Pick<Ports, "policies" | "limits" | "breakers" | "clock">, spawn: Spawn): Promise<SpawnAnswer> {
  const { tenant, parent, child, promptId, sessionId } = spawn;
  const now = ports.clock.now().getTime();
  const content = ports.policies.of(tenant);
  const watched = [accounts.agent(parent), accounts.agent(child), ...(promptId === undefined ? [] : [accounts.prompt(promptId)])];
  const [open] = content.policies.governance.breaker === undefined ? [] : await ports.breakers.find(tenant, watched);
  if (open !== undefined) {
    const { scope, breaker } = open;
    const retryAfterMs = Math.max(leasesReturnMs, (breaker.until ?? now) - now);
    return { may: false, code: "circuit_open", message: `${scope} is paused (${breaker.cause})`, retryAfterMs };
  }
  const within = (whole: string) => [whole, `${whole}/${accounts.agent(parent)}`, `${whole}/${accounts.agent(child)}`];
  const scopes = [
    ...(promptId === undefined ? [] : within(accounts.prompt(promptId))),
    ...(sessionId === undefined ? [] : within(accounts.session(sessionId))),
  ];
  const bounded = accountsNamed(content, scopes).map((account) => targetOf(content, { tenant, ...account }, now));
  for (const { target, limit, balance } of await ports.limits.facts(tenant, bounded)) {
    if (remaining(balance, limit) > 0) continue;
    const retryAfterMs = balance.leased > 0 ? leasesReturnMs : target.windowEnd === undefined ? undefined : target.windowEnd - now;
    const message = `nothing is left of the ${limit} ${target.unit} of ${target.scope}`;
    return { may: false, code: "budget_exhausted", message, retryAfterMs };
  }
  return { may: true };
}
