import type { Cause } from "#domain/breaker.ts";
import type { Ports } from "./ports.ts";

/**
 * Pauses an agent that an authz saw looping. False when no policy of the tenant wants breakers.
 *
 * @throws AegisError `unavailable` while the tenant's policies are not known.
 */
export async function tripBreaker(
  ports: Pick<Ports, "policies" | "breakers" | "clock" | "signals">,
  tenant: string,
  scope: string,
  cause: Cause,
): Promise<boolean> {
  const rule = ports.policies.of(tenant).policies.governance.breaker;
  if (rule === undefined) return false;
  const changes = await ports.breakers.trip(tenant, scope, rule, cause, ports.clock.now().getTime());
  for (const change of changes) ports.signals.breakerChanged(tenant, change);
  return true;
}
