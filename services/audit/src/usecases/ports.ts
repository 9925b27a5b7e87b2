import type { EntryColumns } from "@aegis/tlog/leaf";
import type { VerifierKey } from "@aegis/tlog/note";
import type { TreeHead } from "@aegis/tlog/proof";
import type { StoredState } from "@aegis/tlog/stored-state";
import type { LedgerRow } from "@aegis/tlog/verify-ledger";
import type { Coordinates } from "#domain/candidate.ts";
import type { Extension, Head } from "#domain/chain.ts";
import type { Known } from "#domain/settle.ts";
import type { SigningRequest } from "#domain/signing.ts";
import type { Tally } from "#domain/tally.ts";

export interface Clock {
  now(): Date;
}

/** What happens inside the one transaction of a batch, while the heads of its tenants are locked. */
export interface LedgerTransaction {
  readonly heads: ReadonlyMap<string, Head>;
  known(ids: readonly { readonly tenant: string; readonly id: string }[], places: readonly Coordinates[]): Promise<Known>;
  write(extension: Extension): Promise<void>;
  /** Notes how far these producers got, and that they were heard of now. */
  heard(producers: readonly Coordinates[]): Promise<void>;
}

export interface Ledger {
  /** Commits what `work` wrote, or nothing. Tenants without a ledger get an empty one. */
  append<T>(tenants: readonly string[], work: (transaction: LedgerTransaction) => Promise<T>): Promise<T>;
}

export interface StoredEntry {
  readonly columns: EntryColumns;
  readonly leaf: Uint8Array;
  readonly payload: Uint8Array | null;
}

export interface EntryFilter {
  readonly kind?: string | undefined;
  readonly agent?: string | undefined;
  readonly tool?: string | undefined;
  readonly action?: string | undefined;
  readonly decision?: string | undefined;
  readonly id?: string | undefined;
  /** A reason's code. */
  readonly reason?: string | undefined;
  readonly policyVersion?: string | undefined;
  readonly digest?: string | undefined;
  readonly prompt?: string | undefined;
  readonly session?: string | undefined;
  /** The decisions or approvals that entries are about. */
  readonly about?: readonly string[] | undefined;
  /** Only what occurred in [from, to). */
  readonly from?: Date | undefined;
  readonly to?: Date | undefined;
  /** Only entries before this sequence. */
  readonly before?: number | undefined;
}

/** Decisions that occurred in [from, to). */
export interface DecisionWindow {
  readonly from: Date;
  readonly to: Date;
  readonly agent?: string | undefined;
}

/** What a tenant's agents did with one action of one tool in a window, by how it was decided. */
export interface Usage {
  readonly agent: string;
  readonly tool: string;
  readonly action: string;
  readonly decision: string;
  readonly dryRun: boolean;
  readonly calls: number;
  readonly first: Date;
  readonly last: Date;
}

export interface Entries {
  /** Decision events of a window beyond the sequence `after`, ascending, each as the text that was received. */
  decisions(
    tenant: string,
    window: DecisionWindow,
    after: number | undefined,
    limit: number,
  ): Promise<{ readonly sequence: number; readonly event: string }[]>;
  usage(tenant: string, window: DecisionWindow): Promise<Usage[]>;
  /** Newest first. */
  find(tenant: string, filter: EntryFilter, limit: number): Promise<StoredEntry[]>;
  /** Rows as they stand, in ascending order of the sequence column, which may start anywhere and have holes. */
  rows(tenant: string, after: string | undefined, limit: number): Promise<{ rows: LedgerRow[]; last: string | undefined }>;
  /** Leaf bytes of entries `from` to `to`, without `to`. */
  leaves(tenant: string, from: number, to: number): Promise<Uint8Array[]>;
  /** Every tenant that a row, a head, a node or a checkpoint names, as these stand. */
  tenants(): Promise<TenantSummary[]>;
  /** What is stored beside the rows, all of one moment. */
  state(tenant: string): Promise<StoredState>;
}

export interface TenantSummary {
  readonly tenant: string;
  /** As the head says. */
  readonly entries: number;
  /** Size of the largest checkpoint; 0 before the first. */
  readonly checkpoint: number;
}

export interface Tree {
  /** Undefined for a tenant that has no ledger. */
  head(tenant: string): Promise<TreeHead | undefined>;
  /** The hashes that the tile at this level holds by now. */
  tile(tenant: string, level: number, index: number): Promise<Uint8Array[]>;
}

export interface StoredCheckpoint {
  readonly size: number;
  readonly note: string;
}

export interface Checkpoints {
  /** The largest; undefined before the first. */
  latest(tenant: string): Promise<StoredCheckpoint | undefined>;
  /** Ascending by size. */
  all(tenant: string): Promise<StoredCheckpoint[]>;
  /** Keeps it, and has it published once that is committed; false, and nothing is done, when there is one of this size. */
  add(checkpoint: StoredCheckpoint & { readonly tenant: string; readonly root: Uint8Array }, signedAt: Date): Promise<boolean>;
  /** Every tenant that has one. */
  tenants(): Promise<string[]>;
  /** Tenants whose ledger is longer than their largest checkpoint. */
  pending(): Promise<string[]>;
}

interface Cosignature {
  readonly tenant: string;
  readonly size: number;
  /** The witness' key name. */
  readonly witness: string;
  /** Its signature line (C2SP tlog-cosignature). */
  readonly line: string;
}

export interface Cosignatures {
  /** The largest size that the witness signed; 0 before the first. */
  last(tenant: string, witness: string): Promise<number>;
  /** Keeps it, once. */
  add(cosignature: Cosignature): Promise<void>;
  /** Ascending by size. */
  all(tenant: string): Promise<Cosignature[]>;
}

/** Where checkpoints are kept out of the database's reach. */
export interface CheckpointArchive {
  /** Durable when it resolves. What is kept under this size already stays as it is. */
  keep(tenant: string, checkpoint: StoredCheckpoint): Promise<void>;
  has(tenant: string, size: number): Promise<boolean>;
  all(tenant: string): Promise<StoredCheckpoint[]>;
}

export interface Signer {
  /** `last` is what the signer signed last, when that is why it refuses. */
  sign(origin: string, request: SigningRequest): Promise<{ ok: true; note: string } | { ok: false; last: TreeHead }>;
}

/** What the signer remembers. */
export interface SignerState {
  /** What was signed last for the origin, and the number of that state. */
  last(origin: string): Promise<{ readonly head: TreeHead; readonly generation: number }>;
  /** Replaces the state of this number, durably and as one step even among several processes; false when another was first. */
  replace(origin: string, generation: number, next: TreeHead): Promise<boolean>;
}

export interface Watermark {
  readonly producer: string;
  readonly epoch: string;
  readonly sequence: number;
  /** The highest number that is ledgered. */
  readonly highest: number;
  /** Numbers above `sequence` and below `highest` that are ledgered nowhere, as [first, last]; the lowest ranges only. */
  readonly missing: readonly (readonly [number, number])[];
}

export interface Producers {
  /** Moves every watermark as far as complete and checkpointed rows reach; gives those moved. */
  advance(): Promise<Watermark[]>;
  /** Watermarks of producers heard of since, with what they said and is missing. */
  heardSince(since: Date): Promise<Watermark[]>;
}

/** What a producer signed, in the message that it came in. */
export interface StoredStatement {
  /** Grows with time. */
  readonly number: number;
  readonly message: string;
  /** RFC 3339. */
  readonly recordedAt: string;
}

export interface Statements {
  /** Keeps each once. */
  keep(
    statements: readonly {
      readonly message: string;
      readonly producer: string;
      readonly epoch: string;
      readonly first: number;
      readonly last: number;
    }[],
  ): Promise<void>;
  /** Those beyond a number, ascending. */
  page(after: number, limit: number): Promise<StoredStatement[]>;
}

export interface Announcer {
  watermark(watermark: Watermark): void;
}

/** What the business has to say to those who watch it. */
export interface Signals {
  appended(counts: { readonly entries: number; readonly duplicates: number; readonly seconds: number }): void;
  /** What new entries say about the tenants' business. */
  counted(tally: Tally): void;
  alarm(alarm: { readonly tenant: string; readonly id: string; readonly reason: string; readonly subject: string }): void;
  checkpointed(checkpoint: { readonly tenant: string; readonly size: number; readonly seconds: number }): void;
  refused(refusal: { readonly tenant: string; readonly size: number; readonly signed: number }): void;
  /** A witness did not sign a checkpoint. */
  unwitnessed(refusal: { readonly tenant: string; readonly size: number; readonly witness: string; readonly why: string }): void;
  /** A checkpoint that was archived has no row any more. */
  lost(checkpoint: { readonly tenant: string; readonly size: number }): void;
  /** Somebody took a tenant's recorded decisions out. */
  exported(what: { readonly tenant: string; readonly by: string; readonly from: string; readonly to: string }): void;
  /** What came as a producer's statement is none, is not what was signed, or is signed by no pinned key. */
  badStatement(why: "malformed" | "forged" | "unknown", producer: string | undefined): void;
  /** A person's keys were destroyed; without any, it was asked for and waits for a second person. */
  erased(erasure: { readonly tenant: string; readonly subject: string; readonly by: string; readonly keys: number }): void;
  /** Somebody was shown what is sealed in so many entries. */
  personalShown(what: { readonly tenant: string; readonly by: string; readonly entries: number }): void;
  /** What waits in the streams, read whenever somebody looks. */
  watchLag(lag: () => number): void;
}

/** All of them, as the composition root gives them. */
export interface Ports {
  readonly ledger: Ledger;
  readonly entries: Entries;
  readonly tree: Tree;
  readonly cosignatures: Cosignatures;
  readonly checkpoints: Checkpoints;
  readonly producers: Producers;
  readonly statements: Statements;
  readonly archive: CheckpointArchive;
  readonly signer: Signer;
  readonly announcer: Announcer;
  readonly clock: Clock;
  readonly signals: Signals;
  /** The ledger's pinned key: what the signer gives back is checked under it, and every origin follows from it. */
  readonly key: VerifierKey;
}
