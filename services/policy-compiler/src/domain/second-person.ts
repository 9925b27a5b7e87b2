import { person } from "@aegis/contracts/operator";
import type { Revision } from "./revision.ts";

/** Why a person's approval is not taken. */
export type ApprovalRefusal =
  | { readonly refused: "not_proposed" }
  | { readonly refused: "own_proposal" }
  | { readonly refused: "other_digest" }
  | { readonly refused: "decided"; readonly approver: string }
  /** The head is another than the one it was proposed on. */
  | { readonly refused: "stale"; readonly follows: number; readonly head: number };

/**
 * What one person's approval makes of a proposed revision. It holds for what was proposed and on the head it was proposed on: what a
 * reviewer compared is what comes into force. The author is refused first, so that nobody's second role helps.
 */
export function judgeApproval(
  revision: Revision,
  head: number,
  approval: { readonly approver: string; readonly digest?: string | undefined },
): { readonly refused?: undefined; readonly already: boolean } | ApprovalRefusal {
  const { proposed, approver, author, digest, follows = 0 } = revision;
  if (proposed !== true) return { refused: "not_proposed" };
  if (person(author) === person(approval.approver)) return { refused: "own_proposal" };
  if (approval.digest !== undefined && approval.digest !== digest) return { refused: "other_digest" };
  if (approver !== undefined) return person(approver) === person(approval.approver) ? { already: true } : { refused: "decided", approver };
  if (follows !== head) return { refused: "stale", follows, head };
  return { already: false };
}
