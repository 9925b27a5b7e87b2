/** What an override is good for: one call, of one agent, under one rule. */
interface Binding {
  readonly tenant: string;
  readonly agent: string;
  /** Empty: any instance of the agent. */
  readonly instance: string;
  readonly actionDigest: string;
  readonly ruleDigest: string;
}

/** An override as it is kept; its token only as a hash. */
export interface Override {
  readonly approvalId: string;
  readonly approvers: readonly string[];
  readonly binding: Binding;
  readonly state: string;
  readonly expiresAt: number;
  /** The decision that spent it. */
  readonly redeemedBy?: string | undefined;
  /** The instance of the agent that spent it. */
  readonly redeemedInstance?: string | undefined;
}

/** One attempt to spend it. */
export interface Attempt extends Binding {
  readonly decisionId: string;
}

export type Explanation =
  | { readonly result: "redeemed" }
  | { readonly result: "policy_changed"; readonly message: string }
  | { readonly result: "invalid"; readonly message: string; readonly spentBy?: string };

/**
 * Says why the conditional update spent nothing. It grants nothing itself, with one exception: the decision that already
 * spent this override, asking again for the very same thing, hears the same answer.
 */
export function explain(override: Override | undefined, attempt: Attempt, now: number): Explanation {
  if (override === undefined) return { result: "invalid", message: "this override is not known" };
  const { binding } = override;
  const sameCall =
    binding.tenant === attempt.tenant &&
    binding.agent === attempt.agent &&
    (binding.instance === "" || binding.instance === attempt.instance) &&
    binding.actionDigest === attempt.actionDigest;
  const sameRule = binding.ruleDigest === attempt.ruleDigest;
  if (override.redeemedBy !== undefined) {
    if (override.redeemedBy === attempt.decisionId && sameCall && sameRule) return { result: "redeemed" };
    return { result: "invalid", message: "this override was already redeemed", spentBy: override.redeemedBy };
  }
  if (!sameCall) return { result: "invalid", message: "this override was granted for another call" };
  if (override.state !== "approved") return { result: "invalid", message: `this approval is ${override.state}` };
  if (now >= override.expiresAt) return { result: "invalid", message: "this override has expired" };
  if (!sameRule) return { result: "policy_changed", message: "the policy rule this override was granted for has changed" };
  return { result: "invalid", message: "this override could not be redeemed" };
}
