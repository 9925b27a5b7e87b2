import { sha256 } from "@aegis/canonical/digest";
import { type Checkpoint, openCheckpoint, tenantKey } from "./checkpoint.ts";
import { columnsFrom, type EntryColumns, noPrevious, parseLeaf } from "./leaf.ts";
import type { VerifierKey } from "./note.ts";
import { equal } from "./proof.ts";
import { type RetentionRule, Retirements, type SignedTime } from "./retirement.ts";
import { compareState, nodePlace } from "./state-verifier.ts";
import { digestOf } from "./statement.ts";
import type { StoredInteger, StoredState } from "./stored-state.ts";
import { tileHeight } from "./tiles.ts";
import { emptyRoot, Frontier, hashBytes, leafHash } from "./tree.ts";
import type { FaultKind, LedgerFault, LedgerRow } from "./verify-ledger.ts";

/** Checks one tenant's rows in order of their sequence column, and its checkpoints; reports each fault once. */
export class TenantVerifier {
  readonly #tenant: string;
  readonly #keys: readonly VerifierKey[];
  readonly #report: (fault: LedgerFault) => void;
  /** Roots that were signed, by size. */
  readonly #signed = new Map<number, Uint8Array>();
  readonly #times: SignedTime[] = [];
  readonly #retirements = new Retirements();
  readonly #frontier = Frontier.empty();
  #next = 0;
  /** Hash of the row before, as its bytes say; undefined when that row is missing. */
  #previous: string | undefined = noPrevious;
  /** No row is missing so far. */
  #contiguous = true;
  /** Roots of complete subtrees that the ledger keeps, as the rows give them. */
  readonly #nodes = new Map<string, string>();
  /** Once a row is missing or a root differs, no later root can be compared. */
  #comparable = true;
  /** Checkpoints whose root was recomputed. */
  confirmed = 0;
  /** Size of the largest of them. */
  covered = 0;

  constructor(tenant: string, notes: readonly string[], keys: readonly VerifierKey[], report: (fault: LedgerFault) => void) {
    this.#tenant = tenant;
    this.#keys = keys;
    this.#report = report;
    for (const note of notes) this.#takeCheckpoint(note);
    this.#compareRoot();
  }

  /** Entries of which the hash alone is left. */
  get retired(): number {
    return this.#retirements.count;
  }

  get entries(): number {
    return this.#frontier.size;
  }

  #takeCheckpoint(note: string): void {
    const opened = this.#open(note);
    if (opened === undefined) return;
    const { size, root, time } = opened;
    if (time !== undefined) this.#times.push({ size, time });
    const other = this.#signed.get(size);
    if (other !== undefined && !equal(other, root)) this.#fault(Math.max(0, size - 1), "split_view", `two signed roots at size ${size}`);
    this.#signed.set(size, other ?? root);
  }

  #open(note: string, size: StoredInteger = 0): Checkpoint | undefined {
    const opened = this.#keys.map((key) => openCheckpoint(note, tenantKey(key, this.#tenant)));
    const valid = opened.find((each) => each.ok);
    if (valid !== undefined) return valid.checkpoint;
    const why = opened.find((each) => !each.ok && each.why !== "unsigned") ?? opened[0];
    const sequence = Math.max(0, (Number(note.split("\n")[1]) || Number(size) || 0) - 1);
    this.#fault(sequence, "signature", `checkpoint is ${why !== undefined && !why.ok ? why.why : "signed by no pinned key"}`);
    return undefined;
  }

  /** Takes in the next row; returns its position and event when its leaf can be read. `digest`: SHA-256 of the event as it came. */
  take({ columns, leaf: bytes, payload }: LedgerRow): { columns: EntryColumns; sequence: number; digest: () => Uint8Array } | undefined {
    const sequence = this.#advance(columns);
    if (sequence === undefined) return undefined;
    const hash = leafHash(bytes);
    const hex = Buffer.from(hash).toString("hex");
    const parsed = parseLeaf(bytes);
    const expected = parsed && columnsFrom(parsed.leaf, parsed.event, hex);
    if (parsed === undefined || expected === undefined) this.#fault(sequence, "leaf", "the stored bytes are no leaf");
    else {
      this.#compareColumns(sequence, columns, expected);
      this.#comparePayload(sequence, parsed.leaf.detached, payload ?? null);
    }
    if (parsed !== undefined && this.#previous !== undefined && parsed.leaf.previous !== this.#previous) {
      // The later of the two rows vouches for the earlier one, unless its own bytes were touched.
      const touched = sequence === 0 || columns.leaf_hash !== hex;
      this.#fault(touched ? sequence : sequence - 1, "chain", `row ${sequence} is not chained to the row before it`);
    }
    this.#append(hash, hex);
    if (parsed === undefined || expected === undefined) return undefined;
    this.#retirements.heard(this.#tenant, sequence, expected.subject, parsed.event);
    const { detached, event } = parsed.leaf;
    const digest = () => (detached === undefined ? digestOf(event) : Buffer.from(detached.digest.slice("sha256:".length), "hex"));
    return { columns: expected, sequence, digest };
  }

  /** Takes in what retention left of an entry; returns its position. */
  takeRetired({ columns, retired }: LedgerRow): { sequence: number } | undefined {
    const sequence = this.#advance(columns);
    if (sequence === undefined || retired === undefined) return undefined;
    if (retired.length !== hashBytes) this.#fault(sequence, "leaf_hash", "what is left of the entry is no hash", "leaf_hash");
    this.#retirements.gone(sequence);
    this.#append(retired, Buffer.from(retired).toString("hex"));
    return { sequence };
  }

  /** The row's sequence, unless its place is taken. */
  #advance(columns: LedgerRow["columns"]): number | undefined {
    const sequence = Number(columns.sequence);
    if (!Number.isSafeInteger(sequence)) {
      this.#fault(this.#next, "column", "column sequence is no number", "sequence");
      return undefined;
    }
    if (sequence < this.#next) {
      this.#fault(sequence, "repeated", "a second row at this sequence");
      return undefined;
    }
    if (sequence > this.#next) {
      this.#fault(this.#next, "missing", `no rows ${this.#next} to ${sequence - 1}`);
      this.#previous = undefined;
      this.#contiguous = false;
      this.#comparable = false;
    }
    this.#next = sequence + 1;
    return sequence;
  }

  #append(hash: Uint8Array, hex: string): void {
    this.#previous = hex;
    this.#frontier.append(hash, (height, index, root) => {
      if (height > 0 && height % tileHeight === 0)
        this.#nodes.set(nodePlace(height / tileHeight, index), Buffer.from(root).toString("hex"));
    });
    this.#compareRoot();
  }

  /** Ends the rows: what was signed beyond them is gone, and what is stored beside them must follow from them. `rule`: how long what is gone had to stay. */
  finish(rule: RetentionRule, state?: StoredState): void {
    for (const { sequence, detail } of this.#retirements.faults(this.#times, rule)) this.#fault(sequence, "retired", detail);
    const last = Math.max(...this.#signed.keys(), 0);
    if (last > this.#next) this.#fault(this.#next, "tail_cut", `a checkpoint covers ${last} entries, ${this.#next} are left`);
    if (state === undefined) return;
    compareState(state, {
      size: this.#next,
      last: this.#previous,
      tree: this.#contiguous ? { frontier: Buffer.from(this.#frontier.toBytes()).toString("hex"), nodes: this.#nodes } : undefined,
      signed: this.#signed,
      open: (note, size) => this.#open(note, size),
      report: (sequence, kind, detail, column) => this.#fault(sequence, kind, detail, column),
    });
  }

  #compareColumns(sequence: number, columns: LedgerRow["columns"], expected: EntryColumns): void {
    for (const [column, value] of Object.entries(expected)) {
      // A row that was taken out before a column existed does not have it; nor did its leaf have anything for it.
      if ((columns[column] ?? null) === value) continue;
      const kind = column === "leaf_hash" ? "leaf_hash" : "column";
      this.#fault(sequence, kind, `column ${column} is not what the leaf says`, column);
    }
  }

  #comparePayload(sequence: number, detached: { digest: string; bytes: number } | undefined, payload: Uint8Array | null): void {
    if (detached === undefined && payload === null) return;
    const digest = payload && sha256(payload);
    if (digest !== detached?.digest || payload?.length !== detached?.bytes) {
      this.#fault(sequence, "payload", "the detached bytes are not those the leaf names", "payload");
    }
  }

  #compareRoot(): void {
    const signed = this.#signed.get(this.#next);
    if (signed === undefined || !this.#comparable) return;
    if (equal(signed, this.#next === 0 ? emptyRoot : this.#frontier.root())) {
      this.confirmed += 1;
      this.covered = this.#next;
      return;
    }
    this.#comparable = false;
    this.#fault(Math.max(0, this.#next - 1), "root", `the first ${this.#next} rows do not give the signed root`);
  }

  #fault(sequence: number, kind: FaultKind, detail: string, column?: string): void {
    this.#report({ tenant: this.#tenant, sequence, kind, detail, ...(column === undefined ? {} : { column }) });
  }
}
