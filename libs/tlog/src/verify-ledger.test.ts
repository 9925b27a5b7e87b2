import { generateKeyPairSync } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { sampleLedger } from "../test/sample-ledger.ts";
import { signCheckpoint } from "./checkpoint.ts";
import { columnsOf } from "./leaf.ts";
import { type LedgerFault, type LedgerRow, verifyLedger } from "./verify-ledger.ts";

const sound = sampleLedger({ entries: 40, checkpointsAt: [1, 10, 11, 40] });

async function faultsOf(rows: Iterable<LedgerRow>, checkpoints = sound.checkpoints): Promise<readonly LedgerFault[]> {
  return (await verifyLedger({ rows, checkpoints, keys: [sound.key], whole: true })).faults;
}

const named = (faults: readonly LedgerFault[]): string[] => faults.map(({ tenant, sequence, kind }) => `${tenant}/${sequence} ${kind}`);

test("a sound ledger has no faults and every checkpoint is confirmed", async () => {
  const report = await verifyLedger({ ...sound, keys: [sound.key], whole: true });
  expect(report).toEqual({ entries: 40, tenants: 1, checkpoints: 4, uncovered: 0, retired: 0, faults: [] });
});

test("an edit of any one column of any row is found and names tenant, sequence and column", async () => {
  const columns = Object.keys(sound.rows[0]?.columns ?? {}).filter((column) => column !== "sequence");
  const value = fc.oneof(fc.constant(null), fc.string(), fc.integer(), fc.boolean(), fc.constant(undefined));
  await fc.assert(
    fc.asyncProperty(fc.nat(39), fc.constantFrom(...columns), value, async (at, column, edited) => {
      const rows = sound.rows.map((row, index) => (index === at ? { ...row, columns: { ...row.columns, [column]: edited } } : row));
      fc.pre((sound.rows[at]?.columns[column] ?? null) !== (edited ?? null));
      const faults = await faultsOf(rows);
      const place = column === "tenant" ? { sequence: at } : { tenant: "acme", sequence: at, column };
      expect(faults[0] === undefined ? [] : faults).toContainEqual(expect.objectContaining(place));
    }),
    { numRuns: 1000 },
  );
});

test("an edit of the sequence column is found at the sequence that is missing", async () => {
  const edited = sound.rows.map((row, at) => (at === 5 ? { ...row, columns: { ...row.columns, sequence: 1000 } } : row));
  const faults = await faultsOf(edited.sort((a, b) => Number(a.columns.sequence) - Number(b.columns.sequence)));
  expect(named(faults)).toEqual(expect.arrayContaining(["acme/5 missing", "acme/1000 column"]));
});

test("one changed byte of any leaf is found and names its sequence", async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(39), fc.nat(), fc.integer({ min: 1, max: 255 }), async (at, position, mask) => {
      const leaf = Uint8Array.from(sound.rows[at]?.leaf ?? []);
      leaf[position % leaf.length] = (leaf[position % leaf.length] as number) ^ mask;
      const faults = await faultsOf(sound.rows.map((row, index) => (index === at ? { ...row, leaf } : row)));
      expect(faults).toContainEqual(expect.objectContaining({ tenant: "acme", sequence: at }));
      expect(faults[0]?.sequence).toBe(at);
    }),
    { numRuns: 500 },
  );
});

test("a detached payload that appears from nowhere is found", async () => {
  const rows = sound.rows.map((row, at) => (at === 3 ? { ...row, payload: Buffer.from("x") } : row));
  expect(named(await faultsOf(rows))).toEqual(["acme/3 payload"]);
});

test.each([0, 1, 9, 10, 25, 39])("a deleted row %i is found", async (at) => {
  const faults = await faultsOf(sound.rows.filter((_, index) => index !== at));
  expect(named(faults)[0]).toBe(at === 39 ? "acme/39 tail_cut" : `acme/${at} missing`);
});

test.each([0, 1, 12, 39])("a ledger cut to its first %i rows is found", async (size) => {
  expect(named(await faultsOf(sound.rows.slice(0, size)))).toEqual([`acme/${size} tail_cut`]);
});

test("reordered rows are found", async () => {
  const rows = [...sound.rows];
  [rows[7], rows[8]] = [
    { ...sound.rows[8], columns: { ...sound.rows[8]?.columns, sequence: 7 } } as LedgerRow,
    { ...sound.rows[7], columns: { ...sound.rows[7]?.columns, sequence: 8 } } as LedgerRow,
  ];
  expect(named(await faultsOf(rows))).toEqual(expect.arrayContaining(["acme/7 column", "acme/8 column", "acme/9 root"]));
});

test("rows swapped between tenants are found in both", async () => {
  const other = sampleLedger({ tenant: "globex", entries: 40, checkpointsAt: [40] });
  const [ours, theirs] = [[...sound.rows], [...other.rows]];
  const move = (row: LedgerRow, tenant: string): LedgerRow => ({ ...row, columns: { ...row.columns, tenant } });
  [ours[4], theirs[4]] = [move(theirs[4] as LedgerRow, "acme"), move(ours[4] as LedgerRow, "globex")];
  const report = await verifyLedger({
    rows: [...ours, ...theirs],
    checkpoints: [...sound.checkpoints, ...other.checkpoints],
    keys: [sound.key],
    whole: false,
  });
  expect(named(report.faults)).toEqual(expect.arrayContaining(["acme/4 column", "globex/4 column"]));
});

test("a history recomputed whole, hashes and all, does not give the signed roots", async () => {
  const rows = relink(sound.rows, (text, at) => (at === 2 ? text.replace("create_payment", "refund_payment") : text));
  expect(named(await faultsOf(rows))).toEqual(["acme/9 root"]);
});

test("a row and its hash rewritten together are found where the chain breaks", async () => {
  const leaf = Buffer.from(
    Buffer.from(sound.rows[20]?.leaf as Uint8Array)
      .toString()
      .replace("create_payment", "refund_payment"),
  );
  const rows = sound.rows.map((row, at) => (at === 20 ? { columns: { ...columnsOf(leaf) }, leaf } : row));
  expect(named(await faultsOf(rows))).toEqual(["acme/20 chain", "acme/39 root"]);
});

test("a checkpoint of another key is no checkpoint", async () => {
  const forged = sampleLedger({ entries: 40, checkpointsAt: [40], key: generateKeyPairSync("ed25519").privateKey });
  expect(named(await faultsOf(sound.rows, forged.checkpoints))).toEqual(["acme/39 signature"]);
});

test("two signed roots for one size are a split view", async () => {
  const shared = generateKeyPairSync("ed25519").privateKey;
  const one = sampleLedger({ entries: 5, checkpointsAt: [5], key: shared });
  const two = sampleLedger({ entries: 6, checkpointsAt: [6], key: shared });
  const other = { tenant: "acme", note: signCheckpoint({ origin: "ledger.test/acme", size: 5, root: new Uint8Array(32) }, shared) };
  const report = await verifyLedger({
    rows: two.rows,
    checkpoints: [...one.checkpoints, ...two.checkpoints, other],
    keys: [one.key],
    whole: true,
  });
  expect(named(report.faults)).toEqual(["acme/4 split_view"]);
});

test("gaps and doubles in a producer's numbering are kinds of their own, judged only over the whole ledger", async () => {
  // Two tenants share one producer: each alone has holes, together they have none but the one below.
  const renumber = (tenant: string, numbers: readonly number[]): LedgerRow[] => {
    const ledger = sampleLedger({ tenant, entries: numbers.length, checkpointsAt: [] });
    return relink(ledger.rows, (text, at) => text.replace(/"sequence":\d+\}\}\}\}$/, `"sequence":${numbers[at]}}}}}`));
  };
  const rows = [...renumber("acme", [1, 3, 5, 9]), ...renumber("globex", [2, 4, 6, 6])];
  const now = new Date("2026-01-01T00:00:00Z");
  const whole = await verifyLedger({ rows, checkpoints: [], keys: [sound.key], whole: true, now });
  expect(named(whole.faults)).toEqual(["acme/3 producer_gap", "globex/3 producer_repeat"]);
  const part = await verifyLedger({ rows, checkpoints: [], keys: [sound.key], whole: false, now });
  expect(named(part.faults)).toEqual(["globex/3 producer_repeat"]);
  const fresh = await verifyLedger({ rows, checkpoints: [], keys: [sound.key], whole: true, now: new Date("2025-01-02T00:00:30Z") });
  expect(named(fresh.faults)).toEqual(["globex/3 producer_repeat"]);
});

/** Rewrites each leaf's text and chains the rows anew. */
function relink(rows: readonly LedgerRow[], rewrite: (text: string, at: number) => string): LedgerRow[] {
  let previous = "0".repeat(64);
  return rows.map((row, at) => {
    const text = Buffer.from(row.leaf)
      .toString()
      .replace(/"previous":"[0-9a-f]{64}"/, `"previous":"${previous}"`);
    const leaf = Buffer.from(rewrite(text, at));
    const columns = columnsOf(leaf);
    previous = columns?.leaf_hash as string;
    return { columns: { ...columns }, leaf };
  });
}
