import fc from "fast-check";
import { expect, test } from "vitest";
import { sampleLedger } from "../test/sample-ledger.ts";
import { type LogProgress, type LogSource, verifyLog } from "./log-verifier.ts";
import { entryBundle, hashTile, tileWidth } from "./tiles.ts";
import { leafHash } from "./tree.ts";

const sound = sampleLedger({ entries: 600, checkpointsAt: [1, 100, 256, 400, 600] });
const notes = sound.checkpoints.map(({ note }) => note);

function sourceOf(leaves: readonly Uint8Array[], more: Partial<LogSource> = {}): LogSource {
  return {
    tenant: "acme",
    notes,
    async read(kind, index, width) {
      const own = leaves.slice(index * tileWidth, index * tileWidth + width);
      return kind === "entries" ? entryBundle(own) : hashTile(own.map(leafHash));
    },
    ...more,
  };
}

const leaves = sound.rows.map(({ leaf }) => leaf);
const options = { keys: [sound.key] };

test("a sound log confirms every checkpoint, also those inside a bundle", async () => {
  expect(await verifyLog(sourceOf(leaves), options)).toEqual({ tenant: "acme", entries: 600, checkpoints: 5, faults: [] });
});

test("one changed byte of any entry is found at that entry or right after it, or by the root above it", async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(599), fc.nat(), fc.integer({ min: 1, max: 255 }), async (at, position, mask) => {
      const changed = leaves.map((leaf, index) => {
        if (index !== at) return leaf;
        const bytes = Uint8Array.from(leaf);
        const place = position % bytes.length;
        bytes[place] = (bytes[place] as number) ^ mask;
        return bytes;
      });
      const { faults } = await verifyLog(sourceOf(changed), options);
      expect(faults.length).toBeGreaterThan(0);
      expect(faults[0]?.sequence).toBeGreaterThanOrEqual(at);
      if (at < 599) expect(faults.some(({ sequence }) => sequence === at || sequence === at + 1)).toBe(true);
    }),
    { numRuns: 60 },
  );
});

test("a missing bundle, a cut one, a hash tile of other entries, a strange note are named", async () => {
  const kinds = async (source: LogSource, more = options) =>
    (await verifyLog(source, more)).faults.map(({ sequence, kind }) => `${sequence} ${kind}`);
  const read = sourceOf(leaves).read;
  const without = (which: string, change: (bytes: Uint8Array) => Uint8Array | undefined) =>
    sourceOf(leaves, {
      read: async (kind, index, width) => {
        const bytes = await read(kind, index, width);
        return `${kind} ${index}` === which && bytes !== undefined ? change(bytes) : bytes;
      },
    });
  expect(await kinds(without("entries 1", () => undefined))).toEqual(["256 missing"]);
  expect(await kinds(without("entries 2", (bytes) => bytes.subarray(0, -1)))).toEqual(["512 bundle"]);
  expect(await kinds(without("hashes 0", (bytes) => Uint8Array.from(bytes, (byte, at) => (at === 33 ? byte ^ 1 : byte))))).toEqual([
    "1 tile",
  ]);
  expect(await kinds(without("hashes 0", () => undefined))).toEqual(["0 missing"]);
  const stranger = sampleLedger({ entries: 3, checkpointsAt: [3] });
  expect(await kinds(sourceOf(leaves), { keys: [{ ...stranger.key, name: "other.test" }] })).toContain("599 signature");
});

test("what was verified is gone on from, and not looked at again", async () => {
  const told: LogProgress[] = [];
  await verifyLog(sourceOf(leaves), { ...options, onProgress: (progress) => told.push(progress) });
  expect(told.map(({ size }) => size)).toEqual([256, 512]);
  const looked: number[] = [];
  const source = sourceOf(leaves);
  const watched: LogSource = {
    ...source,
    read(kind, index, width) {
      looked.push(index);
      return source.read(kind, index, width);
    },
  };
  expect((await verifyLog(watched, { ...options, from: told[1] })).faults).toEqual([]);
  expect(new Set(looked)).toEqual(new Set([2]));
  // A state of another history does not end under the signed roots.
  const from = { ...(told[1] as LogProgress), previous: "0".repeat(64) };
  expect((await verifyLog(sourceOf(leaves), { ...options, from })).faults[0]).toMatchObject({ sequence: 512, kind: "chain" });
});
