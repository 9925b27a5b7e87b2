import { ratesFor } from "@aegis/policy/rates";
import type { Admission, Ports } from "./ports.ts";

/**
 * Lets calls of one tenant through every rate that bounds one of the scopes, or as many of them as there is room for. `returned` of those
 * that were let through before were not made.
 *
 * @throws AegisError `unavailable` while the tenant's policies are not known.
 */
export async function admit(
  ports: Pick<Ports, "policies" | "rates" | "clock" | "signals">,
  tenant: string,
  scopes: readonly string[],
  ask: { readonly calls: number; readonly returned: number },
): Promise<Admission> {
  const content = ports.policies.of(tenant);
  const rates = scopes.flatMap((scope) => ratesFor(content, scope).map(({ calls, seconds }) => ({ scope, calls, seconds })));
  if (rates.length === 0) return { admitted: ask.calls };
  const admission = await ports.rates.admit(tenant, rates, ask, ports.clock.now().getTime() * 1000);
  ports.signals.admitted(admission.admitted, ask.calls - admission.admitted);
  return admission;
}
