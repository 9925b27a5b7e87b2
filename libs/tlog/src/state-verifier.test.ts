import { generateKeyPairSync } from "node:crypto";
import { expect, test } from "vitest";
import { sampleLedger } from "../test/sample-ledger.ts";
import { parseCheckpoint, signCheckpoint } from "./checkpoint.ts";
import type { StoredState } from "./stored-state.ts";
import { Frontier, leafHash } from "./tree.ts";
import { verifyLedger } from "./verify-ledger.ts";

const key = generateKeyPairSync("ed25519").privateKey;
const ledger = sampleLedger({ entries: 520, checkpointsAt: [], key });
const sound = stateOf([1, 300, 520]);

function stateOf(sizes: readonly number[]): StoredState {
  const frontier = Frontier.empty();
  const nodes: StoredState["nodes"][number][] = [];
  const checkpoints: StoredState["checkpoints"][number][] = [];
  for (const { leaf } of ledger.rows) {
    frontier.append(leafHash(leaf), (height, index, hash) => {
      if (height === 8) nodes.push({ level: 1, index, hash: hex(hash) });
    });
    if (!sizes.includes(frontier.size)) continue;
    const time = new Date(Date.UTC(2025, 0, 3) + frontier.size).toISOString();
    const note = signCheckpoint({ origin: "ledger.test/acme", size: frontier.size, root: frontier.root(), time }, key);
    checkpoints.push({ size: frontier.size, root: hex(frontier.root()), note, recorded_at: time });
  }
  const head = { size: 520, frontier: hex(frontier.toBytes()), last_hash: String(ledger.rows.at(-1)?.columns.leaf_hash) };
  return { tenant: "acme", head, nodes, checkpoints, archived: checkpoints.map(({ note }) => note) };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

async function faultsOf(state: StoredState): Promise<string[]> {
  const checkpoints = (sound.archived ?? []).map((note) => ({ tenant: "acme", note }));
  const { faults } = await verifyLedger({ rows: ledger.rows, checkpoints, states: [state], keys: [ledger.key], whole: true });
  return faults.map(({ tenant, sequence, kind, column }) => [`${tenant}/${sequence}`, kind, column].filter(Boolean).join(" "));
}

const head = sound.head as NonNullable<StoredState["head"]>;
const zeros = "00".repeat(32);
const without = <T>(items: readonly T[], at: number): T[] => items.filter((_, index) => index !== at);
const edit = <T>(items: readonly T[], at: number, change: Partial<T>): T[] =>
  items.map((item, index) => (index === at ? { ...item, ...change } : item));

test("what follows from the rows has no faults", async () => {
  expect(await faultsOf(sound)).toEqual([]);
  expect(await faultsOf({ ...sound, archived: undefined })).toEqual([]);
});

const edits: readonly (readonly [what: string, change: Partial<StoredState>, faults: readonly string[]])[] = [
  ["no head", { head: null }, ["acme/519 head"]],
  ["a smaller head", { head: { ...head, size: 519 } }, ["acme/519 head size"]],
  ["a larger head", { head: { ...head, size: 521 } }, ["acme/520 head size"]],
  ["a head of no number", { head: { ...head, size: "9223372036854775807" } }, ["acme/520 head size"]],
  ["another last hash", { head: { ...head, last_hash: zeros } }, ["acme/519 head last_hash"]],
  ["another frontier", { head: { ...head, frontier: "" } }, ["acme/519 head frontier"]],
  ["a node changed", { nodes: edit(sound.nodes, 1, { hash: zeros }) }, ["acme/511 node hash"]],
  ["a node missing", { nodes: without(sound.nodes, 0) }, ["acme/255 node"]],
  ["a node too many", { nodes: [...sound.nodes, { level: 1, index: 2, hash: zeros }] }, ["acme/767 node index"]],
  ["a node elsewhere", { nodes: edit(sound.nodes, 0, { level: 2 }) }, ["acme/255 node", "acme/65535 node index"]],
  ["no checkpoint rows", { checkpoints: [] }, ["acme/0 checkpoint_missing", "acme/299 checkpoint_missing", "acme/519 checkpoint_missing"]],
  ["no middle checkpoint", { checkpoints: without(sound.checkpoints, 1) }, ["acme/299 checkpoint_missing"]],
  ["no last checkpoint", { checkpoints: without(sound.checkpoints, 2) }, ["acme/519 checkpoint_missing"]],
  ["a root zeroed", { checkpoints: edit(sound.checkpoints, 1, { root: zeros }) }, ["acme/299 checkpoint root"]],
  [
    "recorded_at shifted",
    { checkpoints: edit(sound.checkpoints, 1, { recorded_at: "2025-01-03T00:00:00.300001Z" }) },
    ["acme/299 checkpoint recorded_at"],
  ],
  [
    "a size changed",
    { checkpoints: edit(sound.checkpoints, 1, { size: 301 }) },
    ["acme/299 checkpoint_missing", "acme/299 checkpoint size"],
  ],
  ["no copy in the archive", { archived: without(sound.archived ?? [], 1) }, ["acme/299 checkpoint_unarchived"]],
  [
    "a note signed again",
    { archived: (sound.archived ?? []).map((note, at) => (at === 1 ? signedLater(note) : note)) },
    ["acme/299 checkpoint note"],
  ],
];

test.each(edits)("%s is found", async (_, change, faults) => {
  expect(await faultsOf({ ...sound, ...change })).toEqual(faults);
});

test("the state of a tenant without rows is looked at too", async () => {
  const state = { ...sound, tenant: "mallory", nodes: [], checkpoints: [] };
  expect(await faultsOf(state)).toEqual(["mallory/0 head size"]);
});

function signedLater(note: string): string {
  const checkpoint = parseCheckpoint(note.slice(0, note.lastIndexOf("\n\n") + 1));
  if (checkpoint === undefined) throw new Error("no checkpoint");
  return signCheckpoint({ ...checkpoint, time: "2025-02-01T00:00:00.000Z" }, key);
}
