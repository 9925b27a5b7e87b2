import { generateKeyPairSync } from "node:crypto";
import { columnsOf } from "@aegis/tlog/leaf";
import { rawPublicKey, verifierKey } from "@aegis/tlog/note";
import { emptyRoot, Frontier, leafHash } from "@aegis/tlog/tree";
import { verifyLedger } from "@aegis/tlog/verify-ledger";
import fc from "fast-check";
import { expect, test } from "vitest";
import { decision } from "../../test/events.ts";
import type { Candidate } from "./candidate.ts";
import { chain, type Head, type NewRow } from "./chain.ts";
import { receive } from "./receive.ts";
import { identity, type Known, newAlarms, place, settle } from "./settle.ts";
import { maySign } from "./signing.ts";

/** A ledger in memory that takes batches as the real one does. */
class Ledger {
  readonly heads = new Map<string, Head>();
  readonly rows: NewRow[] = [];
  readonly known: Known = { bodies: new Map(), places: new Map() };
  duplicates = 0;

  take(candidates: readonly Candidate[]): void {
    for (const { tenant } of candidates) {
      if (!this.heads.has(tenant)) this.heads.set(tenant, { tenant, size: 0, frontier: new Uint8Array(0), last: "0".repeat(64) });
    }
    const settled = settle(candidates, this.known);
    const fresh = [...settled.fresh, ...newAlarms(settled.alarms, this.known)];
    const { rows, heads } = chain(fresh, this.heads, "2025-01-02T00:00:00.000Z");
    this.rows.push(...rows);
    for (const head of heads) this.heads.set(head.tenant, head);
    for (const each of fresh) {
      this.known.bodies.set(identity(each), each.body);
      if (each.coordinates && each.alarm === undefined) this.known.places.set(place(each.coordinates), identity(each));
    }
    this.duplicates += settled.duplicates;
  }
}

const key = verifierKey("ledger.test", rawPublicKey(generateKeyPairSync("ed25519").privateKey));
const events = Array.from({ length: 30 }, (_, at) => receive(decision({ tenant: at % 2 ? "acme" : "globex", sequence: at + 1 })));

test("however events are repeated, shuffled and cut into batches, each has one entry and the ledger verifies", async () => {
  const deliveries = fc.shuffledSubarray([...events, ...events, ...events], { minLength: 90, maxLength: 90 });
  await fc.assert(
    fc.asyncProperty(deliveries, fc.integer({ min: 1, max: 40 }), async (order, size) => {
      const ledger = new Ledger();
      for (let from = 0; from < order.length; from += size) ledger.take(order.slice(from, from + size));
      expect(ledger.rows.map((row) => row.columns.id).sort()).toEqual(events.map((event) => event.id).sort());
      expect(ledger.duplicates).toBe(60);
      const rows = ledger.rows.map(({ columns, leaf }) => ({ columns: { ...columns }, leaf }));
      const report = await verifyLedger({ rows, checkpoints: [], keys: [key], whole: true, now: new Date("2026-01-01T00:00:00Z") });
      expect(report).toMatchObject({ entries: 30, faults: [] });
    }),
    { numRuns: 50 },
  );
});

test("a row's columns are those its leaf gives, and complete subtrees of 256 are remembered", () => {
  const candidates = Array.from({ length: 600 }, (_, at) => receive(decision({ sequence: at + 1 })));
  const head = { tenant: "acme", size: 0, frontier: new Uint8Array(0), last: "0".repeat(64) };
  const { rows, nodes, heads } = chain(candidates, new Map([["acme", head]]), "2025-01-02T00:00:00.000Z");
  for (const { columns, leaf } of rows) expect(columnsOf(leaf)).toEqual(columns);
  expect(nodes.map(({ level, index }) => [level, index])).toEqual([
    [1, 0],
    [1, 1],
  ]);
  const frontier = Frontier.empty();
  for (const { leaf } of rows.slice(0, 256)) frontier.append(leafHash(leaf));
  expect(Buffer.from(nodes[0]?.hash ?? [])).toEqual(Buffer.from(frontier.root()));
  expect(heads[0]?.size).toBe(600);
});

test("one id under another body is an alarm, once, however often it comes", () => {
  const ledger = new Ledger();
  const first = decision({ sequence: 1 });
  const forged = { ...first, bytes: Buffer.from(first.bytes.toString().replace('"amount":100', '"amount":101')) };
  ledger.take([receive(first), receive(forged), receive(forged)]);
  ledger.take([receive(forged), receive(first)]);
  expect(ledger.rows.map((row) => row.columns.type)).toEqual(["dev.aegis.decision.made.v1", "dev.aegis.ledger.equivocated.v1"]);
});

test("a second event in one place of a producer's sequence is an alarm; a quarantined claim takes no place", () => {
  const ledger = new Ledger();
  const [first, second] = [decision({ sequence: 1 }), decision({ sequence: 1 })];
  const broken = { ...first, bytes: Buffer.from(first.bytes.toString().replace('"allow"', '"perhaps"')) };
  ledger.take([receive(broken), receive(first), receive(second)]);
  expect(ledger.rows.map((row) => row.columns.kind)).toEqual(["quarantine", "decision", "quarantine"]);
  expect(ledger.rows.map((row) => row.columns.producer_sequence)).toEqual([1, 1, null]);
});

test("nothing is signed that does not continue what was", () => {
  const root = leafHash(Buffer.from("a"));
  const one = { size: 1, root };
  expect(maySign({ size: 0, root: emptyRoot }, { ...one, from: 0, proof: [] })).toBe(true);
  expect(maySign(one, { ...one, from: 1, proof: [] })).toBe(true);
  expect(maySign(one, { size: 1, root: emptyRoot, from: 1, proof: [] })).toBe(false);
  expect(maySign(one, { size: 0, root: emptyRoot, from: 0, proof: [] })).toBe(false);
  expect(maySign(one, { size: 2, root: emptyRoot, from: 0, proof: [] })).toBe(false);
});
