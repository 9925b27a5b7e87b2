import { type Checkpoint, parseCheckpoint } from "./checkpoint.ts";
import { noPrevious } from "./leaf.ts";
import type { CheckpointRow, StoredHead, StoredInteger, StoredState } from "./stored-state.ts";
import { tileWidth } from "./tiles.ts";
import type { FaultKind } from "./verify-ledger.ts";

/** What a tenant's rows and signed notes say, and where to tell of faults. */
export interface Recomputed {
  /** Rows. */
  readonly size: number;
  /** Hash of the last row's leaf, hex; undefined when it cannot be told. */
  readonly last: string | undefined;
  /** Undefined when rows are missing: then nothing that depends on their positions can be compared. */
  readonly tree:
    | { /** Hex. */ readonly frontier: string /** Hex, by `nodePlace`. */; readonly nodes: ReadonlyMap<string, string> }
    | undefined;
  /** Sizes that checkpoints were signed for. */
  readonly signed: ReadonlyMap<number, unknown>;
  /** A note's checkpoint; undefined, and reported, when no pinned key signed it: where the note says no size, at that of its row. */
  open(note: string, size: StoredInteger): Checkpoint | undefined;
  report(sequence: number, kind: FaultKind, detail: string, column?: string): void;
}

/** Names a node among all of a tenant's. */
export const nodePlace = (level: StoredInteger, index: StoredInteger): string => `${level}/${index}`;

/** Reports whatever is stored beside a tenant's rows and does not follow from them or from a signed note. */
export function compareState(state: StoredState, recomputed: Recomputed): void {
  compareHead(state.head, recomputed);
  compareNodes(state, recomputed);
  compareCheckpoints(state, recomputed);
}

function compareHead(stored: StoredHead | null, { size, last, tree, report }: Recomputed): void {
  const end = Math.max(0, size - 1);
  if (stored === null) {
    if (size > 0) report(end, "head", `there is no head for ${size} rows`);
    return;
  }
  if (stored.size !== size) {
    // The first sequence that the two do not agree on.
    const at = typeof stored.size === "number" ? Math.max(0, Math.min(stored.size, size)) : size;
    report(at, "head", `the head counts ${stored.size} rows, there are ${size}`, "size");
    return;
  }
  const expected = size === 0 ? noPrevious : last;
  if (expected !== undefined && stored.last_hash !== expected) report(end, "head", "the head does not name the last leaf", "last_hash");
  if (tree !== undefined && stored.frontier !== tree.frontier) report(end, "head", "the head's frontier is not the rows'", "frontier");
}

function compareNodes({ nodes }: StoredState, { tree, report }: Recomputed): void {
  if (tree === undefined) return;
  const missing = new Map(tree.nodes);
  for (const { level, index, hash } of nodes) {
    const place = nodePlace(level, index);
    const expected = missing.get(place);
    missing.delete(place);
    const at = lastLeaf(level, index);
    if (expected === undefined) report(at, "node", `node ${place} is of no complete subtree`, "index");
    else if (expected !== hash) report(at, "node", `node ${place} is not the root of its rows`, "hash");
  }
  for (const place of missing.keys()) {
    const [level, index] = place.split("/").map(Number) as [number, number];
    report(lastLeaf(level, index), "node", `node ${place} is missing`);
  }
}

function lastLeaf(level: StoredInteger, index: StoredInteger): number {
  return Math.max(0, Math.min(Number.MAX_SAFE_INTEGER, (Number(index) + 1) * tileWidth ** Number(level) - 1));
}

function compareCheckpoints({ checkpoints, archived }: StoredState, { signed, open, report }: Recomputed): void {
  const rows = new Set(checkpoints.map((row) => row.size));
  for (const size of signed.keys()) {
    if (!rows.has(size)) report(Math.max(0, size - 1), "checkpoint_missing", `the signed checkpoint of size ${size} has no row`);
  }
  const copies = archived && Map.groupBy(archived, sizeOf);
  for (const row of checkpoints) {
    const checkpoint = open(row.note, row.size);
    if (checkpoint === undefined) continue;
    const at = Math.max(0, checkpoint.size - 1);
    for (const column of edited(row, checkpoint)) {
      report(at, "checkpoint", `column ${column} of the checkpoint of size ${checkpoint.size} is not what its note says`, column);
    }
    if (copies === undefined) continue;
    const own = copies.get(checkpoint.size);
    if (own === undefined) report(at, "checkpoint_unarchived", `the checkpoint of size ${checkpoint.size} is not in the archive`);
    else if (!own.includes(row.note)) report(at, "checkpoint", `the archive has another note of size ${checkpoint.size}`, "note");
  }
}

function edited(row: CheckpointRow, { size, root, time }: Checkpoint): string[] {
  const differs = {
    size: row.size !== size,
    root: row.root !== Buffer.from(root).toString("hex"),
    recorded_at: time !== undefined && row.recorded_at !== time,
  };
  return Object.entries(differs).flatMap(([column, differing]) => (differing ? [column] : []));
}

/** The size a note names, whoever signed it; undefined when it is malformed. */
const sizeOf = (note: string): number | undefined => parseCheckpoint(note.slice(0, note.lastIndexOf("\n\n") + 1))?.size;
