import fc from "fast-check";
import { expect, test } from "vitest";
import vectors from "../../../vectors/tlog/tiles.json" with { type: "json" };
import { inclusionProof, rootAt, verifyInclusion } from "./proof.ts";
import {
  availableWidth,
  entryBundle,
  hashTile,
  nodesFromTiles,
  parseEntryBundle,
  parseHashTile,
  parseTilePath,
  tilePath,
  tilesOf,
} from "./tiles.ts";
import { Frontier, leafHash } from "./tree.ts";

test.each(vectors.paths)("$path", ({ path, address }) => {
  if (address === null) return expect(parseTilePath(path)).toBeUndefined();
  expect(parseTilePath(path)).toEqual(address);
  expect(tilePath(address as Parameters<typeof tilePath>[0])).toBe(path);
});

test("every address has one path and every path one address", () => {
  const level = fc.oneof(fc.constant("entries" as const), fc.nat(7));
  fc.assert(
    fc.property(level, fc.nat({ max: 2 ** 40 }), fc.integer({ min: 1, max: 256 }), (of, index, width) => {
      expect(parseTilePath(tilePath({ level: of, index, width }))).toEqual({ level: of, index, width });
    }),
  );
});

test("a log of 70,000 leaves can be read back and proven from its tiles alone", async () => {
  const size = 70_000;
  const whole = Frontier.empty();
  const hashes: Uint8Array[][] = [[], [], []];
  for (let at = 0; at < size; at += 1) {
    whole.append(leafHash(Buffer.from(String(at))), (height, _, hash) => height % 8 === 0 && hashes[height / 8]?.push(hash));
  }
  const files = new Map<string, Uint8Array>();
  for (const address of tilesOf(size)) {
    if (address.level === "entries") continue;
    const start = address.index * 256;
    expect(availableWidth(address, size)).toBe(address.width);
    files.set(tilePath(address), hashTile((hashes[address.level] as Uint8Array[]).slice(start, start + address.width)));
  }
  const read = nodesFromTiles(async (level, index) => {
    const path = tilePath({ level, index, width: availableWidth({ level, index }, size) });
    return parseHashTile(files.get(path) as Uint8Array);
  });
  const head = { size, root: whole.root() };
  expect(Buffer.from(await rootAt(size, read))).toEqual(Buffer.from(head.root));
  for (const index of [0, 255, 256, 65_535, 65_536, 69_999]) {
    expect(verifyInclusion(index, leafHash(Buffer.from(String(index))), await inclusionProof(index, size, read), head)).toBe(true);
  }
});

test("bundles keep entries of every length, and refuse what is cut short", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 700 }), { maxLength: 256 }), (entries) => {
      const bytes = entryBundle(entries);
      expect(parseEntryBundle(bytes).map((entry) => Buffer.from(entry))).toEqual(entries.map((entry) => Buffer.from(entry)));
      if (bytes.length > 0 && (entries.at(-1)?.length ?? 0) > 0) expect(() => parseEntryBundle(bytes.subarray(0, -1))).toThrow(RangeError);
    }),
  );
  expect(() => entryBundle([new Uint8Array(65_536)])).toThrow(RangeError);
});
