import { AegisError } from "@aegis/contracts/errors";
import { decide, type Refusal } from "#domain/approval.ts";
import { notFound } from "./find.ts";
import type { ApprovalRecord, Ports } from "./ports.ts";
import { report } from "./report.ts";

export interface Ballot {
  readonly tenant: string;
  readonly id: string;
  readonly user: string;
  readonly decision: "approve" | "deny";
  readonly comment: string;
}

/**
 * Casts a person's vote; the same vote again changes nothing.
 *
 * @throws AegisError `not_found`; `permission_denied` for one's own request; `conflict` when it was decided before, with who decided.
 */
export async function vote(ports: Pick<Ports, "approvals" | "clock" | "signals">, ballot: Ballot): Promise<ApprovalRecord> {
  const { tenant, id, user, decision, comment } = ballot;
  const changed = await ports.approvals.change(tenant, id, (approval) =>
    // The time is when its turn came, so that times follow the order of the changes.
    decide(approval, { type: "vote", vote: { user, decision, comment, at: ports.clock.now().getTime() } }),
  );
  if (changed === undefined) throw notFound(id);
  report(ports.signals, changed);
  const { outcome, approval } = changed;
  if (outcome.refused !== undefined) throw refusal(outcome.refused, approval);
  return approval;
}

function refusal(refused: Refusal, approval: ApprovalRecord): AegisError {
  if (refused === "own_request")
    return new AegisError("permission_denied", "nobody decides their own request, their own agent's, or what their own policy holds");
  const by = approval.decidedBy.length === 0 ? "" : ` by ${approval.decidedBy.join(", ")}`;
  return new AegisError("conflict", `this approval is already ${approval.state}${by}`, {
    details: { state: approval.state, decidedBy: approval.decidedBy },
  });
}
