import { generateKeyPairSync } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { sampleLedger } from "../test/sample-ledger.ts";
import { signCheckpoint } from "./checkpoint.ts";
import { encodeLeaf, noPrevious } from "./leaf.ts";
import { type LogOptions, type LogProgress, type LogSource, verifyLog } from "./log-verifier.ts";
import { rawPublicKey, verifierKey } from "./note.ts";
import { entryBundle, hashTile, tileWidth } from "./tiles.ts";
import { Frontier, leafHash } from "./tree.ts";

const sound = sampleLedger({ entries: 600, checkpointsAt: [1, 100, 256, 400, 600] });
const notes = sound.checkpoints.map(({ note }) => note);

function sourceOf(leaves: readonly Uint8Array[], more: Partial<LogSource> = {}): LogSource {
  return {
    tenant: "acme",
    notes,
    async read(kind, index, width) {
      if (kind === "remains") return undefined;
      const own = leaves.slice(index * tileWidth, index * tileWidth + width);
      return kind === "entries" ? entryBundle(own) : hashTile(own.map(leafHash));
    },
    ...more,
  };
}

const leaves = sound.rows.map(({ leaf }) => leaf);
const options = { keys: [sound.key] };

test("a sound log confirms every checkpoint, also those inside a bundle", async () => {
  expect(await verifyLog(sourceOf(leaves), options)).toEqual({ tenant: "acme", entries: 600, checkpoints: 5, retired: 0, faults: [] });
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

describe("a log that retention took entries from", () => {
  const { privateKey } = generateKeyPairSync("ed25519");
  const key = verifierKey("ledger.test", rawPublicKey(privateKey));
  const gone = (sequence: number) => sequence < 200;
  const own = (verb: string, data: object) => ({ subject: `aegis.ledger.acme.${verb}`, type: `dev.aegis.ledger.${verb}.v1`, data });

  /** 600 entries, signed in 2018. `records` stand at their sequences. */
  function logOf(
    records: Readonly<Record<number, ReturnType<typeof own>>>,
    { left = gone, change = (leaf: Uint8Array, _at: number) => leaf } = {},
  ): LogSource {
    const frontier = Frontier.empty();
    const written: Uint8Array[] = [];
    const signed: string[] = [];
    let previous = noPrevious;
    for (let sequence = 0; sequence < 600; sequence++) {
      const { subject, ...event } = records[sequence] ?? { subject: "aegis.x.acme.y" };
      const header = { tenant: "acme", kind: "control", subject, recordedAt: "2018-01-01T00:00:00.000Z", sequence, previous } as const;
      const leaf = encodeLeaf({ ...header, event: Buffer.from(JSON.stringify(event)) });
      previous = Buffer.from(leafHash(leaf)).toString("hex");
      frontier.append(leafHash(leaf));
      written.push(leaf);
      if (sequence % 300 === 299) {
        const head = { origin: "ledger.test/acme", size: frontier.size, root: frontier.root(), time: "2018-01-02T00:00:00.000Z" };
        signed.push(signCheckpoint(head, privateKey));
      }
    }
    const there = written.map((leaf, at) => (left(at) ? new Uint8Array(0) : change(leaf, at)));
    return {
      tenant: "acme",
      notes: signed,
      async read(kind, index, width) {
        const [first, last] = [index * tileWidth, index * tileWidth + width];
        if (kind === "hashes") return hashTile(written.slice(first, last).map(leafHash));
        const own = there.slice(first, last);
        return (kind === "remains") === own.some(({ length }) => length === 0) ? entryBundle(own) : undefined;
      },
    };
  }
  const verified = async (source: LogSource, more: Partial<LogOptions> = {}) => {
    const { checkpoints, retired, faults } = await verifyLog(source, { keys: [key], retentionDays: 100, ...more });
    return { checkpoints, retired, faults: faults.map(({ sequence, kind }) => `${sequence} ${kind}`) };
  };
  const told = { 500: own("retired", { first: 0, last: 199 }) };

  test("is sound when the ledger records it and the signer saw it long enough ago", async () => {
    expect(await verified(logOf(told))).toEqual({ checkpoints: 2, retired: 200, faults: [] });
  });

  test("has a fault where nothing records it, where it is too young, and where everything was held", async () => {
    expect(await verified(logOf({}))).toMatchObject({ checkpoints: 2, faults: ["0 retired"] });
    expect(await verified(logOf({ 500: own("retired", { first: 0, last: 99 }) }))).toMatchObject({ faults: ["100 retired"] });
    expect(await verified(logOf(told), { retentionDays: 36_500 })).toMatchObject({ faults: ["0 retired"] });
    expect(await verified(logOf({ ...told, 210: own("held", { hold: "h1" }) }))).toMatchObject({ faults: ["0 retired"] });
  });

  test("is verified where entries are left, also beside those that are gone", async () => {
    const change = (leaf: Uint8Array, at: number) => Uint8Array.from(leaf, (byte, place) => (at === 201 && place === 10 ? byte ^ 1 : byte));
    const changed = logOf(told, { change });
    expect((await verified(changed)).faults).toContain("201 place");
    const { read, ...source } = logOf(told);
    const forged = await verified({
      ...source,
      read: async (kind, index, width) => {
        const bytes = await read(kind, index, width);
        return kind === "hashes" && index === 0 ? Uint8Array.from(bytes ?? [], (byte, at) => (at === 7 ? byte ^ 1 : byte)) : bytes;
      },
    });
    expect(forged.faults).toEqual(expect.arrayContaining(["299 root", "599 root"]));
    expect(await verified({ ...source, read: async (kind, ...at) => (kind === "remains" ? undefined : read(kind, ...at)) })).toMatchObject({
      faults: ["0 missing"],
    });
  });

  test("is verified from its beginning, whatever a state says: a hold may stand there", async () => {
    const records = { 10: own("held", { hold: "h1" }), 500: own("retired", { first: 0, last: 299 }) };
    const states: LogProgress[] = [];
    const onProgress = (state: LogProgress) => states.push(state);
    expect(await verified(logOf(records, { left: () => false }), { onProgress })).toMatchObject({ retired: 0, faults: [] });
    expect(states.map(({ size }) => size)).toEqual([256, 512]);
    const later = logOf(records, { left: (at) => at < 300 && at !== 10 });
    expect(await verified(later, { from: states[0], onProgress })).toMatchObject({ retired: 299, faults: ["0 retired", "11 retired"] });
    expect(states).toHaveLength(2);
  });
});
