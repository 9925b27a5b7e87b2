import type { Received } from "#domain/candidate.ts";

/** Entries that no retention removes. Without agent, prompt and times: all of the tenant's. */
export interface HoldScope {
  readonly agent?: string | undefined;
  readonly prompt?: string | undefined;
  /** Entries that occurred in [from, to). */
  readonly from?: Date | undefined;
  readonly to?: Date | undefined;
}

export interface Hold extends HoldScope {
  /** A UUID. */
  readonly id: string;
  readonly tenant: string;
  readonly reason: string;
  readonly placedBy: string;
  readonly placedAt: Date;
  readonly released?: { readonly by: string; readonly at: Date; readonly reason: string } | undefined;
}

/** What the database tells of a retirement, on its way into the ledger. */
interface OwnEvent extends Received {
  readonly id: string;
  readonly tenant: string;
}

export interface Holds {
  /** Oldest first, released ones too. */
  list(tenant: string): Promise<Hold[]>;
  /** Keeps the hold and appends it to the ledger, in one step. */
  place(hold: Hold): Promise<void>;
  /** The same for its end; false when there is no such hold, or no longer. */
  release(tenant: string, id: string, released: NonNullable<Hold["released"]>): Promise<boolean>;
}

export interface OwnEvents {
  /** The oldest that are not in the ledger for all this knows. */
  due(limit: number): Promise<OwnEvent[]>;
  /** They are in the ledger. */
  done(ids: readonly string[]): Promise<void>;
}

/** What retention did to one tenant's ledger. */
interface RetentionState {
  readonly days: number;
  /** Entries of which the leaf hash alone is left, and the last of them. */
  readonly retired: { readonly entries: number; readonly last: number | undefined };
  /** When the oldest entry that is left was recorded. */
  readonly oldest: Date | undefined;
  /** Months with entries of any tenant, oldest first; `until` is undefined for the first of a migrated ledger's and for what belongs to none. */
  readonly months: readonly { readonly name: string; readonly until: Date | undefined; readonly bytes: number }[];
}

export interface Months {
  /** Sees to the partitions of these months, each named by any instant in it. */
  ensure(months: readonly Date[]): Promise<void>;
  /** The names of those whose end retention has passed, oldest first. */
  past(): Promise<string[]>;
  /** Removes what a month holds beyond retention, but for what is held; gives how many entries. */
  retire(name: string): Promise<number>;
  state(tenant: string): Promise<RetentionState>;
}

export interface RetentionSignals {
  retired(what: { readonly month: string; readonly entries: number }): void;
  held(what: { readonly tenant: string; readonly hold: string; readonly by: string; readonly change: "placed" | "released" }): void;
  failed(error: unknown): void;
}

/** What retention and legal holds need. */
export interface RetentionPorts {
  readonly holds: Holds;
  readonly months: Months;
  readonly ownEvents: OwnEvents;
  readonly retentionSignals: RetentionSignals;
}
