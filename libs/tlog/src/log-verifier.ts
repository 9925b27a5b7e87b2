import { openCheckpoint, tenantKey } from "./checkpoint.ts";
import { leafFormats, noPrevious, parseLeaf } from "./leaf.ts";
import type { VerifierKey } from "./note.ts";
import { equal } from "./proof.ts";
import { type RetentionRule, Retirements, type SignedTime } from "./retirement.ts";
import { tileWidth } from "./tiles.ts";
import { emptyRoot, Frontier, hashBytes, hashOf } from "./tree.ts";

/** One tenant's log as C2SP tlog-tiles lays it out. */
export interface LogSource {
  readonly tenant: string;
  /** Signed notes, of whatever age. */
  readonly notes: readonly string[];
  /**
   * The bytes of an entry bundle or of a level 0 tile; undefined when it is not there. "remains" stands for a bundle that retention took
   * entries from: each of those is empty. The verifier may write into a bundle.
   */
  read(kind: "entries" | "hashes" | "remains", index: number, width: number): Promise<Uint8Array | undefined>;
}

/** - `signature`: no pinned key signed a note; `split_view`: two signed roots for one size
 * - `missing`: a bundle or a tile that a checkpoint covers is not there; `bundle`: it is cut short or too long
 * - `place`: an entry does not say its tenant and sequence; `chain`: it is not chained to the entry before; `tile`: a hash tile is not its
 *   entries'; `root`: the entries up to here do not give the signed root
 * - `retired`: entries are gone that retention could not remove, see `FaultKind` */
export type LogFaultKind = "signature" | "split_view" | "missing" | "bundle" | "place" | "chain" | "tile" | "root" | "retired";

export interface LogFault {
  readonly tenant: string;
  readonly sequence: number;
  readonly kind: LogFaultKind;
  /** For people. */
  readonly detail: string;
}

/** How far a verification got, at a bundle's end: what another may go on from. Trust it as far as you trust where it is kept. */
export interface LogProgress {
  readonly tenant: string;
  readonly size: number;
  /** Base64, see Frontier. */
  readonly frontier: string;
  /** Hash of the last leaf, hex. */
  readonly previous: string;
}

export interface LogReport {
  readonly tenant: string;
  /** Entries under the largest signed checkpoint. */
  readonly entries: number;
  /** Checkpoints whose signature and root were both confirmed. */
  readonly checkpoints: number;
  /** Entries of which the hash alone is left. */
  readonly retired: number;
  readonly faults: readonly LogFault[];
}

export interface LogOptions {
  /** The pinned ledger keys. */
  readonly keys: readonly VerifierKey[];
  /** Where an earlier verification of the same log got. */
  readonly from?: LogProgress | undefined;
  /** How long what is gone had to stay. Default 2,555. */
  readonly retentionDays?: number | undefined;
  /** Told after each bundle, up to the first that retention took entries from; the next waits for it. */
  readonly onProgress?: (progress: LogProgress) => unknown;
}

/** A log is given up after so many faults. */
const maxFaults = 1_000;

/**
 * Recomputes a log from its entry bundles alone: every leaf's place and chain, every hash tile, every signed root. Roots that come out of
 * one chain of appends are consistent with each other, so all its checkpoints are. Of what retention removed the hash must be there, and
 * what the ledger records of it; a log that lacks entries is verified from its beginning.
 */
export async function verifyLog(source: LogSource, options: LogOptions): Promise<LogReport> {
  const { keys, from, onProgress, retentionDays = 2_555 } = options;
  const faults: LogFault[] = [];
  const report = (sequence: number, kind: LogFaultKind, detail: string) => {
    if (faults.length < maxFaults) faults.push({ tenant: source.tenant, sequence, kind, detail });
  };
  const { signed, times } = signedRoots(source, keys, report);
  const retirements = new Retirements();
  const size = Math.max(0, ...signed.keys());
  const start = from !== undefined && from.tenant === source.tenant && from.size <= size ? from : undefined;
  const frontier = start === undefined ? Frontier.empty() : Frontier.fromBytes(start.size, Buffer.from(start.frontier, "base64"));
  let previous = start?.previous ?? noPrevious;
  let checkpoints = 0;
  const compare = (): void => {
    const root = signed.get(frontier.size);
    if (root === undefined) return;
    if (equal(root, frontier.size === 0 ? emptyRoot : frontier.root())) checkpoints += 1;
    else report(Math.max(0, frontier.size - 1), "root", `the first ${frontier.size} entries do not give the signed root`);
  };
  compare();
  const prefixes = new Prefixes(source.tenant);
  // A checkpoint in the middle of a bundle needs the root at that size.
  for (let index = Math.floor(frontier.size / tileWidth); frontier.size < size && faults.length < maxFaults; index += 1) {
    const width = Math.min(tileWidth, size - index * tileWidth);
    const [whole, tile] = await Promise.all([source.read("entries", index, width), source.read("hashes", index, width)]);
    const bundle = whole ?? (tile && (await source.read("remains", index, width)));
    if (bundle === undefined) {
      report(index * tileWidth, "missing", `entry bundle ${index} is not there`);
      break;
    }
    if (tile === undefined) report(index * tileWidth, "missing", `hash tile ${index} is not there`);
    const before = frontier.size;
    const hashes = leafHashes(bundle, width, whole === undefined ? tile : undefined);
    if (hashes === undefined) {
      report(index * tileWidth, "bundle", `entry bundle ${index} does not hold ${width} entries`);
      break;
    }
    // What was held is not known from a state.
    if (start !== undefined && whole === undefined) return verifyLog(source, { ...options, from: undefined });
    for (const { hash, entry } of hashes.slice(before - index * tileWidth)) {
      const sequence = frontier.size;
      if (entry === undefined) retirements.gone(sequence);
      else if (isOwn(entry)) hear(retirements, source.tenant, sequence, entry);
      const wrong = entry && prefixes.wrong(entry, sequence, previous);
      if (wrong !== undefined)
        report(sequence, wrong, wrong === "chain" ? "not chained to the entry before" : "the entry names another place");
      frontier.append(hash);
      previous = Buffer.from(hash.buffer, hash.byteOffset, hashBytes).toString("hex");
      compare();
    }
    if (tile !== undefined) compareTile(tile, hashes, index, report);
    if (frontier.size % tileWidth === 0 && faults.length === 0 && retirements.count === 0)
      await onProgress?.({
        tenant: source.tenant,
        size: frontier.size,
        frontier: Buffer.from(frontier.toBytes()).toString("base64"),
        previous,
      });
  }
  const rule: RetentionRule = { days: retentionDays, now: Date.now() };
  for (const { sequence, detail } of retirements.faults(times, rule)) report(sequence, "retired", detail);
  return { tenant: source.tenant, entries: size, checkpoints, retired: retirements.count, faults };
}

/** A leaf's header, and with it the subject, lies within so many bytes. */
const headerBytes = 512;

/** Whether an entry is the ledger's own: those tell of holds and retirements. Few are, so the others are not parsed for it. */
const isOwn = (entry: Buffer): boolean => entry.toString("latin1", 0, headerBytes).includes('"subject":"aegis.ledger.');

function hear(retirements: Retirements, tenant: string, sequence: number, entry: Buffer): void {
  const parsed = parseLeaf(entry);
  if (parsed !== undefined) retirements.heard(tenant, sequence, parsed.leaf.subject, parsed.event);
}

type Report = (sequence: number, kind: LogFaultKind, detail: string) => void;

function signedRoots({ tenant, notes }: LogSource, keys: readonly VerifierKey[], report: Report) {
  const signed = new Map<number, Uint8Array>();
  const times: SignedTime[] = [];
  for (const note of notes) {
    const opened = keys.map((key) => openCheckpoint(note, tenantKey(key, tenant))).find((each) => each.ok);
    if (opened === undefined || !opened.ok) {
      report(Math.max(0, (Number(note.split("\n")[1]) || 0) - 1), "signature", "no pinned key signed this checkpoint");
      continue;
    }
    const { size, root, time } = opened.checkpoint;
    if (time !== undefined) times.push({ size, time });
    const other = signed.get(size);
    if (other !== undefined && !equal(other, root)) report(Math.max(0, size - 1), "split_view", `two signed roots at size ${size}`);
    signed.set(size, other ?? root);
  }
  return { signed, times };
}

interface Hashed {
  readonly hash: Uint8Array;
  /** Undefined when retention removed it. */
  readonly entry: Buffer | undefined;
}

/**
 * The leaf hashes of a bundle's entries; undefined when it does not hold so many. The byte before each entry, the low half of its length,
 * is made the 0x00 that RFC 6962 hashes before a leaf: so nothing is copied. `tile` has the hashes of those that are empty.
 */
function leafHashes(bundle: Uint8Array, count: number, tile?: Uint8Array): Hashed[] | undefined {
  const bytes = Buffer.from(bundle.buffer, bundle.byteOffset, bundle.length);
  const hashed: Hashed[] = [];
  let at = 0;
  while (at + 2 <= bytes.length && hashed.length < count) {
    const end = at + 2 + bytes.readUInt16BE(at);
    if (end > bytes.length) return undefined;
    if (tile !== undefined && end === at + 2) {
      const hash = tile.subarray(hashed.length * hashBytes, (hashed.length + 1) * hashBytes);
      if (hash.length !== hashBytes) return undefined;
      hashed.push({ hash, entry: undefined });
      at = end;
      continue;
    }
    bytes[at + 1] = 0x00;
    hashed.push({ hash: hashOf(bytes.subarray(at + 1, end)), entry: bytes.subarray(at + 2, end) });
    at = end;
  }
  return hashed.length === count && at === bytes.length ? hashed : undefined;
}

function compareTile(tile: Uint8Array, hashes: readonly Hashed[], index: number, report: Report): void {
  const differs = hashes.findIndex(({ hash }, at) => !equal(hash, tile.subarray(at * hashBytes, (at + 1) * hashBytes)));
  if (differs >= 0) report(index * tileWidth + differs, "tile", `hash tile ${index} is not that of its entries`);
  else if (tile.length !== hashes.length * hashBytes) report(index * tileWidth, "tile", `hash tile ${index} has another length`);
}

/** A leaf begins with its format, tenant, sequence and the hash before it, in this order and spelling. */
class Prefixes {
  readonly #heads: readonly string[];

  constructor(tenant: string) {
    this.#heads = leafFormats.map((format) => `${JSON.stringify({ format, tenant }).slice(0, -1)},"sequence":`).reverse();
  }

  wrong(entry: Buffer, sequence: number, previous: string): "place" | "chain" | undefined {
    for (const head of this.#heads) {
      const place = `${head}${sequence},"previous":"`;
      const found = entry.toString("latin1", 0, place.length + previous.length + 1);
      if (found === `${place}${previous}"`) return undefined;
      if (found.startsWith(place)) return "chain";
    }
    return "place";
  }
}
