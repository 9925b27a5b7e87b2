import type { Revocation, StopTarget } from "#domain/revocation.ts";

/** What Postgres says of every tenant at once. */
export interface RevocationStore {
  /** All that is stopped or revoked and still matters. */
  all(now: number): Promise<Revocation[]>;
  /** Agents that were stopped once and are active since `after`. */
  resumed(after: number): Promise<{ readonly tenant: string; readonly agent: string }[]>;
}

/** The bucket that policy decision points watch. Calls reject while NATS is away. */
export interface RevocationBoard {
  /** Writes unless the same is there; the revision of the bucket that holds it. */
  put(key: string, value: string): Promise<number>;
  remove(key: string): Promise<void>;
  /** Something may not have reached the bucket. */
  missed(): void;
  /** A mark that differs from 0 while the bucket may lack something: at the start, after every break of the connection, after `missed`. */
  behind(): number;
  /** All that was missed up to the mark has been told. */
  caughtUp(mark: number): void;
}

/** An order to revoke, taken while PostgreSQL was away. */
export interface Order {
  readonly target: StopTarget;
  readonly by: string;
  readonly at: number;
}

/** Orders that PostgreSQL has not seen yet, on this machine's disk. */
export interface Journal {
  /** Resolves once it is on the disk. @throws AegisError `unavailable` without a journal. */
  add(order: Order): Promise<void>;
  pending(): readonly Order[];
  /** Forgets an order that was carried out. */
  settle(order: Order): Promise<void>;
}

/** A replica that decides, and how it came to know of a revocation; neither when it did not say so in time. */
export interface ReplicaStop {
  readonly replica: string;
  readonly how?: "push" | "poll";
  /** Milliseconds from the order until this service heard that the replica enforces it. */
  readonly ms?: number;
}

/** The replicas of authz, as they show what they enforce. */
export interface Enforcers {
  /**
   * Waits until every live replica enforces the bucket's `revision`, or has fetched a snapshot that says what was so at `since` (of
   * PostgreSQL, or of the journal alone when `journaled`); for `ms` at most. `begun` is what milliseconds are counted from, on the
   * clock of `performance`.
   */
  stopped(
    order: { readonly revision: number | undefined; readonly since: number; readonly begun: number; readonly journaled: boolean },
    ms: number,
  ): Promise<ReplicaStop[]>;
  /** A replica fetched a snapshot: PostgreSQL as of `asOf`, the journal as of `at`. */
  fetched(replica: string, snapshot: { readonly asOf: number; readonly at: number }): void;
}
