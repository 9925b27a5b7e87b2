import { columnsFrom, type EntryColumns, encodeLeaf, type LeafHeader } from "@aegis/tlog/leaf";
import { tileHeight } from "@aegis/tlog/tiles";
import { Frontier, leafHash } from "@aegis/tlog/tree";
import type { Candidate } from "./candidate.ts";

/** Where a tenant's ledger ends. */
export interface Head {
  readonly tenant: string;
  readonly size: number;
  /** See Frontier. */
  readonly frontier: Uint8Array;
  /** Hash of the last leaf, hex. */
  readonly last: string;
}

export interface NewRow {
  readonly columns: EntryColumns;
  readonly leaf: Uint8Array;
  readonly payload: Uint8Array | undefined;
}

/** The root of a complete subtree of 256^level leaves. */
interface NewNode {
  readonly tenant: string;
  readonly level: number;
  readonly index: number;
  readonly hash: Uint8Array;
}

export interface Extension {
  readonly rows: readonly NewRow[];
  readonly nodes: readonly NewNode[];
  /** The new ends. */
  readonly heads: readonly Head[];
}

/** Gives each candidate the next place in its tenant's ledger. Every candidate's tenant must have a head. */
export function chain(candidates: readonly Candidate[], heads: ReadonlyMap<string, Head>, recordedAt: string): Extension {
  const rows: NewRow[] = [];
  const nodes: NewNode[] = [];
  const moved: Head[] = [];
  for (const [tenant, own] of Map.groupBy(candidates, (candidate) => candidate.tenant)) {
    const head = heads.get(tenant);
    if (head === undefined) throw new RangeError(`no head of ${tenant} is locked`);
    const frontier = Frontier.fromBytes(head.size, head.frontier);
    let previous = head.last;
    for (const candidate of own) {
      const row = entry(candidate, { sequence: frontier.size, previous, recordedAt });
      frontier.append(Buffer.from(row.columns.leaf_hash, "hex"), (height, index, hash) => {
        if (height > 0 && height % tileHeight === 0) nodes.push({ tenant, level: height / tileHeight, index, hash });
      });
      previous = row.columns.leaf_hash;
      rows.push(row);
    }
    moved.push({ tenant, size: frontier.size, frontier: frontier.toBytes(), last: previous });
  }
  return { rows, nodes, heads: moved };
}

function entry(candidate: Candidate, at: Pick<LeafHeader, "sequence" | "previous" | "recordedAt">): NewRow {
  const { tenant, kind, received, payload, body } = candidate;
  const detached = payload && { digest: body, bytes: payload.length };
  const header: LeafHeader = { tenant, kind, subject: received.subject, ...at, detached };
  // An alarm is an event of the ledger's own: it happens when it is recorded.
  const fields = candidate.alarm === undefined ? candidate.fields : { ...candidate.fields, time: at.recordedAt };
  const event = candidate.alarm === undefined ? candidate.event : Buffer.from(JSON.stringify(fields));
  const leaf = encodeLeaf({ ...header, event });
  const hash = Buffer.from(leafHash(leaf)).toString("hex");
  const columns =
    candidate.columns === undefined
      ? columnsFrom(header, fields, hash)
      : { ...candidate.columns, sequence: at.sequence, recorded_at: at.recordedAt, previous_hash: at.previous, leaf_hash: hash };
  if (columns === undefined) throw new RangeError(`event ${candidate.id} has no columns`);
  return { columns, leaf, payload };
}
