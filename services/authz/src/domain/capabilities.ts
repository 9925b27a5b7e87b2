import type { Reason } from "@aegis/contracts/reasons";
import type { Verdict } from "@aegis/policy/input";

/** What an enforcement point can do besides letting a call through or not. Absent: whatever it is told. */
export interface Capabilities {
  /** It can send other arguments than the agent gave. */
  readonly sanitize: boolean;
  /** Obligations it meets. */
  readonly obligations: readonly string[];
}

/** Why this enforcement point could not let the call through as the verdict asks. */
export function refuseIncapable(can: Capabilities | undefined, { redactions, obligations }: Verdict): Reason | undefined {
  if (can === undefined) return undefined;
  if (!can.sanitize && redactions.length > 0)
    return { code: "sanitize_unsupported", message: "the arguments must be redacted, and this gateway cannot change them" };
  const unmet = obligations.find((name) => !can.obligations.includes(name));
  return unmet === undefined
    ? undefined
    : { code: "action_not_allowed", message: `the call carries the obligation ${unmet}, which this gateway cannot meet` };
}
