import type { VerifierKey } from "./note.ts";
import { type Position, ProducerSequences } from "./producer-sequences.ts";
import { SignedEvents } from "./signed-events.ts";
import { openStatement } from "./statement.ts";
import type { StoredState } from "./stored-state.ts";
import { TenantVerifier } from "./tenant-verifier.ts";

/** One row as the database holds it, column by column, and the bytes it was made from. */
export interface LedgerRow {
  /** Under the columns' names (see EntryColumns), as read: never derived from the leaf. */
  readonly columns: Readonly<Record<string, unknown>>;
  readonly leaf: Uint8Array;
  /** Set when retention removed the entry: then this is all that is left of it, `leaf` is empty, and the columns are its place and number. */
  readonly retired?: Uint8Array | undefined;
  /** The whole event, when it was too large for the leaf. */
  readonly payload?: Uint8Array | null | undefined;
}

/** A signed note, and whose log it is said to be of. */
export interface LedgerCheckpoint {
  readonly tenant: string;
  readonly note: string;
}

/**
 * - `leaf`: the bytes are no leaf; `leaf_hash`, `column`, `payload`: what stands beside the leaf is not what it says
 * - `missing`, `repeated`: the sequence is not contiguous; `chain`: the next row was chained to another row than this
 * - `root`: the rows up to here do not give the root that was signed; `tail_cut`: rows that were signed are gone
 * - `signature`: a checkpoint is not signed by a pinned key; `split_view`: two signed roots for one size
 * - `head`: where the ledger is said to end is not where its rows end; `node`: a stored root of a subtree is missing, one too many or
 *   not what the rows give
 * - `checkpoint_missing`: a signed checkpoint has no row; `checkpoint`: its row is not what its note says;
 *   `checkpoint_unarchived`: its row has no copy in the archive
 * - `cosignature`: what is kept as a witness' signature is not its signature over that checkpoint
 * - `producer_gap`, `producer_repeat`: a producer's own numbering shows a loss or a double before this entry
 * - `producer_mismatch`: the event is not the one that its producer signed under this number; `producer_missing`: its producer signed an
 *   event that no row holds; `statement`: what a producer is said to have signed is not signed by its key, or contradicts itself
 * - `retired`: entries are gone that retention could not remove: too young by the signer's own time, held, or by no retirement on record
 */
export type FaultKind =
  | "leaf"
  | "leaf_hash"
  | "column"
  | "payload"
  | "missing"
  | "repeated"
  | "chain"
  | "root"
  | "tail_cut"
  | "signature"
  | "split_view"
  | "head"
  | "node"
  | "checkpoint"
  | "checkpoint_missing"
  | "checkpoint_unarchived"
  | "cosignature"
  | "producer_gap"
  | "producer_repeat"
  | "producer_mismatch"
  | "producer_missing"
  | "statement"
  | "retired";

export interface LedgerFault {
  readonly tenant: string;
  /** The entry at fault; for `root`, checkpoints and nodes the last that they cover. */
  readonly sequence: number;
  readonly kind: FaultKind;
  /** The column at fault, for `column`, `leaf_hash`, `payload`, `head`, `node` and `checkpoint`. */
  readonly column?: string;
  /** For people. */
  readonly detail: string;
}

export interface LedgerReport {
  /** Rows read. */
  readonly entries: number;
  /** Tenants that have rows or checkpoints. */
  readonly tenants: number;
  /** Checkpoints whose signature and root were both confirmed. */
  readonly checkpoints: number;
  /** Rows that no confirmed checkpoint covers yet. */
  readonly uncovered: number;
  /** Entries that retention removed, as it may; their hashes count in every root. */
  readonly retired: number;
  /** Rows with a number of their producer's that no statement of its covers; undefined when no statements were given. */
  readonly unsigned?: number;
  /** By tenant and sequence; at most `maxFaults`. */
  readonly faults: readonly LedgerFault[];
}

export interface LedgerInput {
  /** Each tenant's rows in ascending order of the sequence column; tenants may interleave. */
  readonly rows: AsyncIterable<LedgerRow> | Iterable<LedgerRow>;
  /** From every place that keeps them; repeats are harmless. */
  readonly checkpoints: Iterable<LedgerCheckpoint>;
  /**
   * What the database holds beside the rows, read at a moment up to which `rows` has every row. Iterated after the last row, so that
   * it may be gathered while they go by. Tenants without one are judged by their rows and checkpoints alone.
   */
  readonly states?: Iterable<StoredState>;
  /** What producers signed, in their messages; with the pinned keys of the producers. Only where the rows are of all tenants. */
  readonly statements?: {
    readonly messages: Iterable<{ readonly message: string; readonly recordedAt: string }>;
    readonly keys: readonly VerifierKey[];
  };
  /** The pinned ledger keys; each tenant's key follows from them. */
  readonly keys: readonly VerifierKey[];
  /** Whether the rows are of all tenants: only then does a gap in a producer's numbering mean a loss. */
  readonly whole: boolean;
  /** Gaps whose next entry is younger than `settleMs` before this may still be under way. Default: the newest entry's time. */
  readonly now?: Date;
  /** Default 60,000. */
  readonly settleMs?: number;
  /** How long entries must stay, in days. Default 2,555. */
  readonly retentionDays?: number;
}

const longAgo = new Date(0).toISOString();

/** Faults beyond these are counted by nobody: the ledger is broken anyway. */
export const maxFaults = 10_000;

/**
 * Recomputes a ledger from its rows: columns, hashes, chain, sequences, every signed root, producers' numbering, and what is stored
 * beside the rows: head, nodes, checkpoints.
 */
export async function verifyLedger(input: LedgerInput): Promise<LedgerReport> {
  const faults: LedgerFault[] = [];
  const seen = new Set<string>();
  const report = (fault: LedgerFault): void => {
    const key = JSON.stringify([fault.tenant, fault.sequence, fault.kind, fault.column]);
    if (seen.has(key) || faults.length === maxFaults) return;
    seen.add(key);
    faults.push(fault);
  };
  const notes = Map.groupBy(input.checkpoints, (checkpoint) => checkpoint.tenant);
  const tenants = new Map<string, TenantVerifier>();
  const verifierOf = (tenant: string): TenantVerifier => {
    const known = tenants.get(tenant);
    if (known !== undefined) return known;
    const texts = new Set(notes.get(tenant)?.map((checkpoint) => checkpoint.note));
    const made = new TenantVerifier(tenant, [...texts], input.keys, report);
    tenants.set(tenant, made);
    return made;
  };
  for (const tenant of notes.keys()) verifierOf(tenant);
  const signed = input.statements && input.whole ? readStatements(input.statements, report) : undefined;
  let unsigned = 0;

  // What is quarantined fills the place it claims in its producer's numbering, but does not double it.
  const claimed = new ProducerSequences();
  const taken = new ProducerSequences();
  let newest = "";
  for await (const row of input.rows) {
    if (row.retired !== undefined) {
      const left = verifierOf(String(row.columns.tenant)).takeRetired(row);
      const { producer, epoch, producer_sequence: number } = row.columns;
      if (left === undefined || typeof producer !== "string" || typeof epoch !== "string" || typeof number !== "number") continue;
      signed?.find(producer, epoch, number, undefined);
      claimed.add(producer, epoch, number, { tenant: String(row.columns.tenant), sequence: left.sequence, recordedAt: longAgo });
      continue;
    }
    const read = verifierOf(String(row.columns.tenant)).take(row);
    if (read === undefined) continue;
    const { producer, epoch, producer_sequence: number, recorded_at: recordedAt, kind } = read.columns;
    if (recordedAt > newest) newest = recordedAt;
    if (producer === null || epoch === null || number === null) continue;
    if (signed !== undefined) {
      const found = signed.find(producer, epoch, number, kind === "quarantine" ? undefined : read.digest());
      if (found === "unsigned") unsigned += 1;
      const detail = `not the event that ${producer} signed as ${number} of epoch ${epoch}`;
      if (found === "other") report({ tenant: String(row.columns.tenant), sequence: read.sequence, kind: "producer_mismatch", detail });
    }
    const position: Position = { tenant: String(row.columns.tenant), sequence: read.sequence, recordedAt };
    claimed.add(producer, epoch, number, position);
    if (kind !== "quarantine" && !taken.add(producer, epoch, number, position)) {
      report({ ...place(position), kind: "producer_repeat", detail: `${producer} said number ${number} of epoch ${epoch} twice` });
    }
  }
  const rule = { days: input.retentionDays ?? 2_555, now: (input.now ?? new Date()).getTime() };
  const states = new Map(Array.from(input.states ?? [], (state) => [state.tenant, state]));
  for (const tenant of states.keys()) verifierOf(tenant);
  for (const [name, tenant] of tenants) tenant.finish(rule, states.get(name));
  if (input.whole) {
    const settled = (input.now?.getTime() ?? Date.parse(newest)) - (input.settleMs ?? 60_000);
    for (const { producer, epoch, from, to, before } of claimed.gaps()) {
      if (Date.parse(before.recordedAt) > settled) continue;
      report({ ...place(before), kind: "producer_gap", detail: `${producer} said ${from} to ${to} of epoch ${epoch}, recorded nowhere` });
    }
  }
  if (signed !== undefined) {
    // A statement and its events come on two ways: the events of a young one may still be under way.
    const settled = (input.now?.getTime() ?? Date.now()) - (input.settleMs ?? 60_000);
    for (const { producer, epoch, number, tenant, recordedAt } of signed.unrecorded()) {
      if (Date.parse(recordedAt) > settled) continue;
      const sequence = tenants.get(tenant)?.entries ?? 0;
      report({ tenant, sequence, kind: "producer_missing", detail: `${producer} signed ${number} of epoch ${epoch}, recorded nowhere` });
    }
  }
  const all = [...tenants.values()];
  const sum = (of: (tenant: TenantVerifier) => number): number => all.reduce((total, tenant) => total + of(tenant), 0);
  return {
    entries: sum((tenant) => tenant.entries),
    tenants: all.length,
    checkpoints: sum((tenant) => tenant.confirmed),
    retired: sum((tenant) => tenant.retired),
    uncovered: sum((tenant) => Math.max(0, tenant.entries - tenant.covered)),
    ...(signed !== undefined && { unsigned }),
    faults: faults.sort((a, b) => (a.tenant < b.tenant ? -1 : a.tenant > b.tenant ? 1 : a.sequence - b.sequence)),
  };
}

/** Takes in every statement that its producer's key signed, and tells of the others. */
function readStatements({ messages, keys }: NonNullable<LedgerInput["statements"]>, report: (fault: LedgerFault) => void): SignedEvents {
  const signed = new SignedEvents();
  for (const { message, recordedAt } of messages) {
    const opened = openStatement(message, keys);
    if (opened.kind === "malformed") {
      report({ tenant: "", sequence: 0, kind: "statement", detail: "a producer's statement cannot be read" });
      continue;
    }
    const { statement } = opened;
    const { producer, epoch, first, events } = statement;
    const fault = (detail: string) => report({ tenant: events[0]?.tenant ?? "", sequence: first, kind: "statement", detail });
    const name = `${producer}'s statement on ${first} to ${first + events.length - 1} of epoch ${epoch}`;
    if (opened.kind === "unknown") fault(`${name} is signed by no pinned key of its`);
    else if (opened.kind === "forged") fault(`${name} is not what was signed`);
    else if (signed.add({ statement, recordedAt }) !== undefined) fault(`${name} contradicts an earlier one`);
  }
  return signed;
}

const place = ({ tenant, sequence }: Position) => ({ tenant, sequence });
