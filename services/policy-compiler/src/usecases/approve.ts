import { AegisError } from "@aegis/contracts/errors";
import type { Revision } from "#domain/revision.ts";
import { type ApprovalRefusal, judgeApproval } from "#domain/second-person.ts";
import { handOutQuietly } from "./hand-out.ts";
import type { Ports } from "./ports.ts";

export interface ApproveRequest {
  readonly tenant: string;
  readonly revision: number;
  readonly approver: string;
  /** What the approver looked at, when they say so. */
  readonly digest?: string | undefined;
}

/**
 * Puts a proposed revision into force in the name of a second person. The same person again changes nothing.
 *
 * @throws AegisError `not_found`; `permission_denied` for one's own proposal; `conflict` when it waits for nobody, somebody else approved
 * it, or the head moved since it was proposed; `precondition_failed` when the digest is another.
 */
export async function approve(ports: Ports, { tenant, revision, approver, digest }: ApproveRequest): Promise<Revision> {
  let known: Revision | undefined;
  const approved = await ports.revisions.approve(tenant, revision, (found, head) => {
    if (found === undefined) throw new AegisError("not_found", `${tenant} has no revision ${revision}`);
    const judged = judgeApproval(found, head, { approver, digest });
    if (judged.refused !== undefined) throw refusal(found, judged);
    known = found;
    return judged.already ? undefined : { approver, at: ports.clock.now().getTime() };
  });
  if (approved === undefined) return known as Revision;
  ports.signals.approved(approved);
  ports.signals.published(approved);
  const publishedAt = await handOutQuietly(ports, tenant);
  return { ...approved, ...(publishedAt === undefined ? {} : { publishedAt }) };
}

function refusal({ revision, digest }: Revision, why: ApprovalRefusal): AegisError {
  switch (why.refused) {
    case "not_proposed":
      return new AegisError("conflict", `revision ${revision} waits for nobody's approval`);
    case "own_proposal":
      return new AegisError("permission_denied", "nobody approves their own proposal, under whatever role: ask another person");
    case "other_digest":
      return new AegisError("precondition_failed", `revision ${revision} is another than the one you looked at`, { details: { digest } });
    case "decided":
      return new AegisError("conflict", `revision ${revision} was approved by ${why.approver}`, { details: { approver: why.approver } });
    case "stale":
      return new AegisError(
        "conflict",
        `revision ${revision} is stale: it was proposed on revision ${why.follows}, and the head is ${why.head}; publish it again`,
        { details: { follows: why.follows, head: why.head } },
      );
  }
}
