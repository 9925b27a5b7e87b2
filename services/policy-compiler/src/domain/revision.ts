import { type Digest, digestOf } from "@aegis/canonical/digest";

/** One document file, as its author gave it. */
export interface PolicyFile {
  readonly name: string;
  readonly text: string;
}

/** A tenant's whole set of policies at one point; it never changes. Times are milliseconds since 1970. */
export interface Revision {
  readonly tenant: string;
  /** From 1, without a gap. */
  readonly revision: number;
  readonly version: string;
  /** `snapshot_digest`. */
  readonly digest: Digest;
  /** Over the files as given. */
  readonly sourceDigest: Digest;
  readonly author: string;
  readonly message: string;
  /** The revision whose files these are, when made by a rollback. */
  readonly restores?: number;
  /** Policies that it took out of shadow, when made by a promotion. */
  readonly promotes?: readonly string[];
  /** The head it was made on, 0 for none; absent where that was not kept. */
  readonly follows?: number;
  /** It becomes the head only when a person other than its author approves it. */
  readonly proposed?: true;
  readonly approver?: string;
  readonly approvedAt?: number;
  /** Whatever follows it asks for a second person. */
  readonly guarded?: true;
  readonly createdAt: number;
  /** When it was handed out as the head; absent until then. */
  readonly publishedAt?: number;
  /** When the first replica said that it enforces it. */
  readonly activatedAt?: number;
}

/** Whether two sets are the same set: names, texts and their order, which is the order of reasons. */
export function sourceDigestOf(files: readonly PolicyFile[]): Digest {
  return digestOf(files.map(({ name, text }) => ({ name, text })));
}

export const revisionStates = ["proposed", "stale", "pending", "published", "superseded"] as const;

/**
 * `proposed` until a second person approves it, `stale` when the head moved before; then `pending` until handed out. One that a later
 * revision overtook before that is `superseded`.
 */
export function stateOf(revision: Revision, head: number): (typeof revisionStates)[number] {
  if (revision.publishedAt !== undefined) return "published";
  if (revision.proposed && revision.approver === undefined) return (revision.follows ?? 0) === head ? "proposed" : "stale";
  return revision.revision === head ? "pending" : "superseded";
}
