import type { PoliciesInvalid } from "../clients/policies.ts";
import type { Context } from "../context.ts";
import { exit } from "../failure.ts";

/** Shows everything that is wrong with a set, and gives the exit status that says so. */
export async function refusedPolicies(context: Context, { faults }: PoliciesInvalid): Promise<number> {
  const { formatFault } = await import("@aegis/policy/fault");
  context.output.result({ ok: false, faults }, () => faults.map(formatFault).join("\n"));
  return exit.policyInvalid;
}
