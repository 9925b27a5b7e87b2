import type { ApprovalState } from "./approval.ts";

/** What of an approval its task depends on. Times are milliseconds since the epoch. */
export interface Progress {
  readonly id: string;
  readonly state: ApprovalState;
  readonly quorum: number;
  /** How many different people said yes. */
  readonly approvers: number;
  readonly expiresAt: number;
  readonly decidedAt?: number | undefined;
  readonly redeemedAt?: number | undefined;
}

/** An approval as a task of AuthZEN's Access Request and Approval Profile. */
export interface Task {
  readonly id: string;
  readonly status: "pending" | "approved" | "denied" | "expired" | "cancelled";
  /** When the task is no longer shown. */
  readonly expiresAt: number;
  readonly approval?: { readonly approvedAt: number; readonly approvedUntil: number };
}

/** How long a task is shown after its approval can no longer change. */
const shownForMs = 24 * 3_600_000;

/**
 * A task ends once: what people agreed to stays `approved` when it is spent, taken back or expires; then the approval's own time is over,
 * and whoever still uses it is told so.
 */
export function taskOf(progress: Progress): Task {
  const { id, state, expiresAt } = progress;
  const task = { id, expiresAt: expiresAt + shownForMs };
  if (state !== "approved" && state !== "redeemed" && progress.approvers < progress.quorum) return { ...task, status: state };
  const approvedAt = progress.decidedAt ?? expiresAt;
  const until = { approved: expiresAt, redeemed: progress.redeemedAt ?? approvedAt, expired: expiresAt };
  return { ...task, status: "approved", approval: { approvedAt, approvedUntil: until[state as keyof typeof until] ?? approvedAt } };
}

/** What an approval is good for, as it was asked. */
interface Bound {
  readonly tenant: string;
  readonly agent: string;
  /** On whose behalf. */
  readonly subject: string;
  readonly actionDigest: string;
  readonly ruleDigest: string;
}

/** An approval that is presented by its id. */
export interface Presentable extends Bound, Progress {
  /** This instance of the agent asked for it. */
  readonly asked: boolean;
  /** An override token was handed out for it: it is spent by that alone. */
  readonly handedOut: boolean;
  readonly redeemedBy?: string | undefined;
  readonly redeemedInstance?: string | undefined;
}

/** Reasons of the profile for which a presented approval does not count. */
export interface NotSpent {
  readonly denial: "approval_expired" | "out_of_scope" | "grant_pending" | "policy_denied" | "approval_unverifiable";
  readonly message: string;
}

/** Why the conditional update spent nothing; undefined where this very decision spent it before. */
export function whyNotSpent(
  found: Presentable | undefined,
  attempt: Bound & { readonly decisionId: string },
  now: number,
): NotSpent | undefined {
  if (found === undefined || found.tenant !== attempt.tenant || found.agent !== attempt.agent || !found.asked)
    return { denial: "approval_unverifiable", message: "there is no such approval of this agent" };
  const sameCall = found.actionDigest === attempt.actionDigest && found.subject === attempt.subject;
  if (found.redeemedBy !== undefined) {
    if (found.redeemedBy === attempt.decisionId && sameCall) return undefined;
    return { denial: "approval_expired", message: "this approval was already spent" };
  }
  if (!sameCall) return { denial: "out_of_scope", message: "this approval was given for another call" };
  if (found.state === "pending") return { denial: "grant_pending", message: "nobody has decided yet" };
  if (found.state === "denied" && found.approvers < found.quorum) return { denial: "policy_denied", message: "a person said no" };
  if (found.state !== "approved") return { denial: "approval_expired", message: `this approval is ${found.state}` };
  if (found.handedOut) return { denial: "approval_expired", message: "an override token was handed out for this approval" };
  if (now >= found.expiresAt) return { denial: "approval_expired", message: "this approval has expired" };
  return { denial: "approval_expired", message: "the policy rule that this approval was given under has changed" };
}
