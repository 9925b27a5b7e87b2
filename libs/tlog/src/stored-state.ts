/** An integer column as read: text when it is no safe integer. */
export type StoredInteger = number | string;

/** Where a tenant's ledger is said to end. */
export interface StoredHead {
  readonly size: StoredInteger;
  /** Hex, see Frontier. */
  readonly frontier: string;
  /** Hash of the last leaf, hex; zeros before the first. */
  readonly last_hash: string;
}

/** The root of a complete subtree of 256^level leaves, level 1 or more. */
export interface StoredNode {
  readonly level: StoredInteger;
  readonly index: StoredInteger;
  /** Hex. */
  readonly hash: string;
}

export interface CheckpointRow {
  readonly size: StoredInteger;
  /** Hex. */
  readonly root: string;
  readonly note: string;
  /** RFC 3339, UTC; more than milliseconds only when it was tampered with. */
  readonly recorded_at: string | null;
}

/** All that a ledger's database holds of one tenant beside its rows, of one moment and as read: nothing in it is recomputed. */
export interface StoredState {
  readonly tenant: string;
  /** Null when there is none. */
  readonly head: StoredHead | null;
  readonly nodes: readonly StoredNode[];
  readonly checkpoints: readonly CheckpointRow[];
  /** Notes that the archive has, read after the rest; absent when there is no archive to read. */
  readonly archived?: readonly string[] | undefined;
}
