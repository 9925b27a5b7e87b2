import { decide } from "#domain/approval.ts";
import { mayStillArrive } from "#domain/arrival.ts";
import { bindingInstance } from "#domain/instance.ts";
import { type NotSpent, type Task, taskOf, whyNotSpent } from "#domain/task.ts";
import type { Ports } from "./ports.ts";
import { report } from "./report.ts";

/** An agent whose token authz verified. */
export interface Requester {
  readonly tenant: string;
  readonly agent: string;
  readonly instance: string;
  /** On whose behalf. */
  readonly subject: string;
}

/** What the profile calls what went wrong. */
export type AccessRequestError =
  | "not_requestable"
  | "expired_denial"
  | "invalid_denial_binding"
  | "duplicate_request"
  | "unknown_task"
  | "task_expired"
  | "invalid_task_state";

type Outcome = { readonly task: Task } | { readonly error: AccessRequestError };

export interface Submission {
  readonly evaluationId: string;
  readonly actionDigest: string;
  readonly idempotencyKey: string;
  readonly submissionDigest: string;
  readonly justification: string;
}

/** How long a submission waits for its decision's event, and how soon it looks again: twice as late each time, since anybody can make up an id. */
const arrival = { waitMs: 5_000, pollMs: 50 };

/**
 * Ties a request to the approval that its denied evaluation opened. A repeat under the same key gets the same task, and the reason given
 * is kept once.
 */
export async function submitAccessRequest(
  ports: Pick<Ports, "accessRequests" | "changes" | "clock">,
  requester: Requester,
  submission: Submission,
  signal: AbortSignal,
): Promise<Outcome> {
  const { tenant, agent, subject } = requester;
  const { idempotencyKey, submissionDigest } = submission;
  const now = () => ports.clock.now().getTime();
  const known = idempotencyKey === "" ? undefined : await ports.accessRequests.known(tenant, agent, idempotencyKey);
  if (known) return known.submissionDigest === submissionDigest ? { task: taskOf(known) } : { error: "duplicate_request" };
  const until = now() + arrival.waitMs;
  let found = await ports.accessRequests.ofDecision(tenant, submission.evaluationId);
  const waits = () => found === undefined && mayStillArrive(submission.evaluationId, now()) && now() < until && !signal.aborted;
  for (let pause = arrival.pollMs; waits(); pause *= 2) {
    await ports.changes.pause(Math.min(pause, until - now()), signal);
    found = await ports.accessRequests.ofDecision(tenant, submission.evaluationId);
  }
  if (found === undefined || found.agent !== agent) return { error: "not_requestable" };
  if (found.actionDigest !== submission.actionDigest || found.subject !== subject) return { error: "invalid_denial_binding" };
  if (now() >= found.expiresAt) return { error: "expired_denial" };
  const task = taskOf(found);
  const kept = await ports.accessRequests.keep({ ...submission, tenant, agent, approvalId: found.id, at: now(), forgetAt: task.expiresAt });
  // Somebody sent the same key meanwhile: what they were told holds.
  return kept ? { task } : submitAccessRequest(ports, requester, submission, signal);
}

/** The task as it stands, to the agent that asked. */
export async function accessRequestTask(
  ports: Pick<Ports, "accessRequests" | "clock">,
  { tenant, agent }: Requester,
  id: string,
): Promise<Outcome> {
  const found = await ports.accessRequests.byId(tenant, id);
  if (found === undefined || found.agent !== agent) return { error: "unknown_task" };
  const task = taskOf(found);
  return ports.clock.now().getTime() >= task.expiresAt ? { error: "task_expired" } : { task };
}

/** Takes back what nobody has decided yet. */
export async function cancelAccessRequest(
  ports: Pick<Ports, "accessRequests" | "approvals" | "clock" | "signals">,
  requester: Requester,
  { id, comment }: { readonly id: string; readonly comment: string },
): Promise<Outcome> {
  const shown = await accessRequestTask(ports, requester, id);
  if ("error" in shown) return shown;
  const { tenant, agent } = requester;
  const changed = await ports.approvals.change(tenant, shown.task.id, (approval) =>
    approval.state === "pending"
      ? decide(approval, { type: "cancel", by: agent, comment, at: ports.clock.now().getTime() })
      : { changes: [], refused: "already_decided" },
  );
  if (changed === undefined) return { error: "unknown_task" };
  report(ports.signals, changed);
  if (changed.outcome.refused !== undefined) return { error: "invalid_task_state" };
  return accessRequestTask(ports, requester, shown.task.id);
}

export interface Spending {
  readonly approvalId: string;
  readonly actionDigest: string;
  readonly ruleDigest: string;
  readonly decisionId: string;
}

/** Spends an approval by its id, for one decision; one conditional update does it, everything read afterwards only explains. */
export async function redeemApproval(
  ports: Pick<Ports, "accessRequests" | "signals" | "clock">,
  requester: Requester,
  spending: Spending,
): Promise<{ readonly approval: NonNullable<Task["approval"]> } | NotSpent> {
  const now = ports.clock.now().getTime();
  const instance = bindingInstance(requester.instance);
  const attempt = { ...requester, ...spending };
  const spent = await ports.accessRequests.spend(attempt, instance, now);
  const found = await ports.accessRequests.presented(requester.tenant, spending.approvalId, instance);
  const why = spent ? undefined : whyNotSpent(found, attempt, now);
  const approval = found && taskOf(found).approval;
  if (why === undefined && approval !== undefined) {
    ports.signals.redeemed("redeemed");
    return { approval };
  }
  const denied = why ?? { denial: "approval_unverifiable", message: "there is no such approval" };
  if (found?.redeemedBy !== undefined && found.agent === requester.agent && found.redeemedBy !== spending.decisionId) {
    const { redeemedInstance = "", redeemedBy } = found;
    ports.signals.redeemedTwice({
      approvalId: found.id,
      first: { tenant: found.tenant, agent: found.agent, instance: redeemedInstance, decisionId: redeemedBy },
      second: { ...requester, decisionId: spending.decisionId },
    });
  }
  ports.signals.redeemed("invalid");
  return denied;
}
