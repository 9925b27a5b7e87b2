import type { NodeReader } from "./proof.ts";
import { hashBytes, nodeHash } from "./tree.ts";

/** Hashes in a full tile, and entries in a full bundle (C2SP tlog-tiles). */
export const tileWidth = 256;

/** The tree levels that one tile level spans. */
export const tileHeight = 8;

/** Bytes of the largest entry a bundle can hold: its length is a uint16. */
export const maxEntryBytes = 0xffff;

/** A hash tile, or a bundle of entries when `level` is "entries". */
export interface TileAddress {
  readonly level: number | "entries";
  readonly index: number;
  /** 1 to 256. */
  readonly width: number;
}

/** `tile/<L>/<N>[.p/<W>]`, N in groups of three digits, all but the last marked with an x. */
export function tilePath({ level, index, width }: TileAddress): string {
  const groups = [String(index % 1000).padStart(3, "0")];
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000)) {
    groups.unshift(`x${String(rest % 1000).padStart(3, "0")}`);
  }
  return `tile/${level}/${groups.join("/")}${width === tileWidth ? "" : `.p/${width}`}`;
}

/** Reads a tile's path; undefined unless it is exactly what `tilePath` writes. */
export function parseTilePath(path: string): TileAddress | undefined {
  const [, level, groups, width] = /^tile\/(entries|[0-9]{1,2})\/((?:x[0-9]{3}\/)*[0-9]{3})(?:\.p\/([0-9]{1,3}))?$/.exec(path) ?? [];
  if (level === undefined || groups === undefined) return undefined;
  const address: TileAddress = {
    level: level === "entries" ? level : Number(level),
    index: Number(groups.replaceAll(/[x/]/g, "")),
    width: width === undefined ? tileWidth : Number(width),
  };
  const valid = Number.isSafeInteger(address.index) && address.width >= 1 && address.width <= tileWidth;
  return valid && tilePath(address) === path ? address : undefined;
}

/** Every tile and bundle that a log of this size publishes: full ones, and the partial one at each level's right edge. */
export function* tilesOf(size: number): Generator<TileAddress> {
  yield* row("entries", size);
  for (let level = 0, count = size; count > 0; level += 1, count = Math.floor(count / tileWidth)) yield* row(level, count);
}

function* row(level: TileAddress["level"], count: number): Generator<TileAddress> {
  const full = Math.floor(count / tileWidth);
  for (let index = 0; index < full; index += 1) yield { level, index, width: tileWidth };
  if (count % tileWidth > 0) yield { level, index: full, width: count % tileWidth };
}

/** How many hashes or entries the tile at this address may hold in a log of this size: 0 when it does not exist. */
export function availableWidth({ level, index }: Pick<TileAddress, "level" | "index">, size: number): number {
  const count = level === "entries" ? size : Math.floor(size / tileWidth ** level);
  return Math.max(0, Math.min(tileWidth, count - index * tileWidth));
}

/** The bytes of a hash tile. */
export function hashTile(hashes: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(hashes);
}

/** The hashes of a tile. Throws RangeError when its length is not that of 1 to 256 hashes. */
export function parseHashTile(bytes: Uint8Array): Uint8Array[] {
  if (bytes.length === 0 || bytes.length % hashBytes !== 0 || bytes.length > tileWidth * hashBytes) {
    throw new RangeError(`not a tile: ${bytes.length} bytes`);
  }
  return Array.from({ length: bytes.length / hashBytes }, (_, at) => bytes.subarray(at * hashBytes, (at + 1) * hashBytes));
}

/** The root of a perfect subtree, from its 2^n hashes. */
export function perfectRoot(hashes: readonly Uint8Array[]): Uint8Array {
  let level = hashes;
  while (level.length > 1) {
    if (level.length % 2 === 1) throw new RangeError("a perfect subtree has a power of two of hashes");
    level = Array.from({ length: level.length / 2 }, (_, at) => nodeHash(level[2 * at] as Uint8Array, level[2 * at + 1] as Uint8Array));
  }
  const [root] = level;
  if (root === undefined) throw new RangeError("a perfect subtree is not empty");
  return root;
}

/** The bytes of an entry bundle: each entry after its length as a big-endian uint16. */
export function entryBundle(entries: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(
    entries.flatMap((entry) => {
      if (entry.length > maxEntryBytes) throw new RangeError(`an entry of ${entry.length} bytes does not fit a bundle`);
      return [Uint8Array.of(entry.length >> 8, entry.length & 0xff), entry];
    }),
  );
}

/** The entries of a bundle. Throws RangeError when it is cut short or holds more than 256. */
export function parseEntryBundle(bytes: Uint8Array): Uint8Array[] {
  const entries: Uint8Array[] = [];
  let at = 0;
  while (at < bytes.length) {
    const end = at + 2 + (((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0));
    if (at + 2 > bytes.length || end > bytes.length || entries.length === tileWidth) throw new RangeError("not an entry bundle");
    entries.push(bytes.subarray(at + 2, end));
    at = end;
  }
  return entries;
}

/** A reader of subtree roots, for proofs, on top of one that reads the hashes a tile holds so far. Each tile is read once. */
export function nodesFromTiles(readTile: (level: number, index: number) => Promise<readonly Uint8Array[]>): NodeReader {
  const tiles = new Map<string, Promise<readonly Uint8Array[]>>();
  return async (height, index) => {
    const level = Math.floor(height / tileHeight);
    const count = 2 ** (height % tileHeight);
    const tileIndex = Math.floor((index * count) / tileWidth);
    const key = `${level}/${tileIndex}`;
    const tile = tiles.get(key) ?? readTile(level, tileIndex);
    tiles.set(key, tile);
    const start = (index * count) % tileWidth;
    const hashes = (await tile).slice(start, start + count);
    if (hashes.length !== count) throw new RangeError(`tile ${key} does not hold node ${height}/${index}`);
    return perfectRoot(hashes);
  };
}
