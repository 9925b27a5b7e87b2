import { generateKeyPairSync } from "node:crypto";
import { expect, test } from "vitest";
import { sampleLedger } from "../test/sample-ledger.ts";
import { parseLeaf } from "./leaf.ts";
import { type SignerKey, verifierOf } from "./note.ts";
import { digestOf, nextHead, noHead, openStatement, type Statement, signStatement } from "./statement.ts";
import { type LedgerRow, verifyLedger } from "./verify-ledger.ts";

const signer: SignerKey = { name: "authz-0", privateKey: generateKeyPairSync("ed25519").privateKey };
const other: SignerKey = { name: "authz-0", privateKey: generateKeyPairSync("ed25519").privateKey };
const keys = [verifierOf(signer)];

/** Ten rows under a checkpoint and ten too young for one. */
const ledger = sampleLedger({ entries: 20, checkpointsAt: [10] });
const digests = ledger.rows.map(({ leaf }) => digestOf(parseLeaf(leaf)?.leaf.event as Uint8Array));

function statement(first: number, last: number, change: Partial<Statement> = {}): Statement {
  const previous = digests.slice(0, first - 1).reduce<Buffer>((head, digest) => nextHead(head, digest), noHead);
  const events = digests.slice(first - 1, last).map((digest) => ({ tenant: "acme", digest }));
  return { producer: "authz-0", epoch: "e1", first, previous, events, ...change };
}

const recordedAt = "2025-01-02T00:00:00.000Z";
const messages = [statement(1, 7), statement(8, 15), statement(16, 20)].map((one) => signStatement(one, signer));

async function verify(rows: readonly LedgerRow[], said: readonly string[] = messages) {
  const report = await verifyLedger({
    ...{ rows, checkpoints: ledger.checkpoints, keys: [ledger.key], whole: true },
    statements: { messages: said.map((message) => ({ message, recordedAt })), keys },
  });
  return { unsigned: report.unsigned, faults: report.faults.map(({ tenant, sequence, kind }) => `${tenant}/${sequence} ${kind}`) };
}

/** Rows as whoever owns the database would write them again from `at` on, with every hash right. */
function rewritten(at: number, edit: (text: string) => string): LedgerRow[] {
  const again = sampleLedger({ entries: 20, checkpointsAt: [] });
  expect(again.rows.map(({ leaf }) => String(leaf))).toEqual(ledger.rows.map(({ leaf }) => String(leaf)));
  return sampleLedger({ entries: 20, checkpointsAt: [], edit: (text, sequence) => (sequence === at ? edit(text) : text) }).rows;
}

test("a ledger whose producers signed every row has none unsigned and no fault, however the statements overlap", async () => {
  expect(await verify(ledger.rows)).toEqual({ unsigned: 0, faults: [] });
  expect(await verify(ledger.rows, [...messages, signStatement(statement(3, 12), signer), messages[0] as string])).toEqual({
    unsigned: 0,
    faults: [],
  });
});

test("rows that nobody signed are counted: an older producer's are no fault", async () => {
  expect(await verify(ledger.rows, messages.slice(0, 2))).toEqual({ unsigned: 5, faults: [] });
});

test("a row too young for a checkpoint, rewritten with the whole chain behind it, is found and named", async () => {
  const rows = rewritten(14, (text) => text.replace("create_payment", "delete_payment"));
  expect((await verifyLedger({ rows, checkpoints: ledger.checkpoints, keys: [ledger.key], whole: true })).faults).toEqual([]);
  expect(await verify(rows)).toEqual({ unsigned: 0, faults: ["acme/14 producer_mismatch"] });
});

test("rows cut off behind the last checkpoint are found", async () => {
  const { faults } = await verify(ledger.rows.slice(0, 17));
  expect(faults).toEqual(["acme/17 producer_missing"]);
});

test("a young statement's events may still be under way", async () => {
  const said = messages.map((message) => ({ message, recordedAt: new Date().toISOString() }));
  const rows = ledger.rows.slice(0, 17);
  const report = await verifyLedger({ rows, checkpoints: [], keys: [ledger.key], whole: true, statements: { messages: said, keys } });
  expect(report.faults).toEqual([]);
});

test("a statement that was not signed by the pinned key, or was changed, counts for nothing and is told of", async () => {
  const foreign = signStatement(statement(16, 20), other);
  const changed = (messages[2] as string).replace(digests[16]?.toString("base64") as string, digests[0]?.toString("base64") as string);
  for (const bad of [foreign, changed]) {
    expect(await verify(ledger.rows, [...messages.slice(0, 2), bad])).toEqual({ unsigned: 5, faults: ["acme/16 statement"] });
  }
  expect(openStatement(foreign, keys).kind).toBe("unknown");
  expect(openStatement(changed, keys).kind).toBe("forged");
  const contradicting = statement(16, 20, { events: digests.slice(0, 5).map((digest) => ({ tenant: "acme", digest })) });
  expect((await verify(ledger.rows, [...messages, signStatement(contradicting, signer)])).faults).toEqual(["acme/16 statement"]);
});

test.each([
  "",
  "null",
  "[]",
  "{}",
  '{"producer":"authz-0"}',
  messages[0]?.slice(0, -1) as string,
  messages[0]?.replace('"first":1', '"first":0') as string,
])("what is no statement is malformed: %s", (text) => expect(openStatement(text, keys).kind).toBe("malformed"));
