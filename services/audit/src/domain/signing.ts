import { type TreeHead, verifyConsistency } from "@aegis/tlog/proof";
import { emptyRoot } from "@aegis/tlog/tree";

/** A checkpoint somebody wants signed. */
export interface SigningRequest extends TreeHead {
  /** The size that `proof` starts from. */
  readonly from: number;
  readonly proof: readonly Uint8Array[];
}

/** What the signer signed last, for an origin it never saw. */
export const nothingSigned: TreeHead = { size: 0, root: emptyRoot };

/**
 * Whether to sign: only a tree that the last signed one is a prefix of (C2SP tlog-checkpoint: a log must not sign a checkpoint
 * that is inconsistent with one it signed). The same tree again is no harm.
 */
export function maySign(last: TreeHead, request: SigningRequest): boolean {
  if (request.size === last.size) return verifyConsistency(last, request, []);
  return request.from === last.size && request.size > last.size && verifyConsistency(last, request, request.proof);
}
