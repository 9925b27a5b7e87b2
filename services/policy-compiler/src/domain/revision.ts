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
  readonly createdAt: number;
  /** When it was handed out as the head; absent until then. */
  readonly publishedAt?: number;
}

/** Whether two sets are the same set: names, texts and their order, which is the order of reasons. */
export function sourceDigestOf(files: readonly PolicyFile[]): Digest {
  return digestOf(files.map(({ name, text }) => ({ name, text })));
}

/** `pending` until handed out; one that a later revision overtook before that is `superseded`. */
export function stateOf(revision: Revision, head: number): "pending" | "published" | "superseded" {
  if (revision.publishedAt !== undefined) return "published";
  return revision.revision === head ? "pending" : "superseded";
}
