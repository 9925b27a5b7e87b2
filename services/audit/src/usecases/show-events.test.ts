import { randomBytes } from "node:crypto";
import { sealBytes } from "@aegis/identity/sealed";
import { encodeLeaf, noPrevious } from "@aegis/tlog/leaf";
import { expect, test } from "vitest";
import type { KeyName } from "./personal-ports.ts";
import type { StoredEntry } from "./ports.ts";
import { showEvents } from "./show-events.ts";

const secret = randomBytes(32);
const subject = "a".repeat(32);
const fields = ["/arguments/note", "/arguments/lines/0/te~1xt", "/destination/url", "/arguments/gone"];
const values = ["hers", 4711, "https://x.test/hers", "nowhere to go"];

async function entryOf(id: string, key = `${subject}.1`, with_ = secret): Promise<StoredEntry> {
  const content = await sealBytes(with_, { kid: key, for: id }, Buffer.from(JSON.stringify(values)));
  const data = {
    arguments: { note: "[REDACTED:personal]", lines: [{ "te/xt": 0 }], ward: "7" },
    destination: { url: "https://x.test/[REDACTED:personal]" },
    sealed: { key, fields, content },
  };
  return storedOf(id, { id, data });
}

function storedOf(id: string, event: object): StoredEntry {
  const header = {
    tenant: "acme",
    kind: "decision",
    subject: "s",
    sequence: 0,
    previous: noPrevious,
    recordedAt: "2026-01-01T00:00:00.000Z",
  } as const;
  const columns = { id, kind: "decision" } as StoredEntry["columns"];
  return { columns, leaf: encodeLeaf({ ...header, event: Buffer.from(JSON.stringify(event)) }), payload: null };
}

function given({ erased = false, ring = true } = {}) {
  const noted: { entries: readonly string[]; subjects: readonly string[] }[] = [];
  let fails = false;
  const show = showEvents({
    ring: ring ? { pseudonym: () => "", make: async () => "", open: async () => secret } : undefined,
    subjectKeys: {
      present: async () => ({ generation: undefined, next: 1 }),
      add: async () => undefined,
      find: async (_, keys: readonly KeyName[]) =>
        erased ? [] : keys.filter((key) => key.subject === subject && key.generation === 1).map((key) => ({ ...key, sealed: "" })),
    },
    ownEntries: {
      shown: async (_, what) => {
        if (fails) throw new Error("the ledger is away");
        noted.push(what);
      },
    },
    clock: { now: () => new Date(0) },
    signals: { erased: () => undefined, personalShown: () => undefined },
  });
  return {
    ...{ show, noted },
    breakDown: () => {
      fails = true;
    },
  };
}

const shownTo = { kind: "shown", to: "alice" } as const;
const open = { arguments: { note: "hers", lines: [{ "te/xt": 4711 }], ward: "7" }, destination: { url: "https://x.test/hers" } };

test("what is sealed is shown where it stood, to whoever may see it, and the ledger has it first", async () => {
  const { show, noted, breakDown } = given();
  const entries = [await entryOf("one"), storedOf("two", { id: "two", data: { arguments: {} } }), await entryOf("three")];
  expect(await show("acme", entries, shownTo)).toMatchObject([{ data: open }, { id: "two" }, { data: open }]);
  expect(noted).toEqual([{ by: "alice", entries: ["one", "three"], subjects: [subject] }]);
  breakDown();
  await expect(show("acme", entries, shownTo)).rejects.toThrow("the ledger is away");
});

test("to others nothing is shown, and nothing is noted", async () => {
  const { show, noted } = given();
  const [event] = await show("acme", [await entryOf("one")], { kind: "withheld" });
  expect(event).toMatchObject({ data: { arguments: { note: "[REDACTED:personal]", ward: "7" } } });
  expect(JSON.stringify(event)).not.toContain("hers");
  expect(noted).toEqual([]);
});

test.each([[shownTo], [{ kind: "withheld" } as const]])("what was erased reads so for everybody: %j", async (how) => {
  const { show, noted } = given({ erased: true });
  const [event] = await show("acme", [await entryOf("one")], how);
  const gone = "[erased]";
  expect(event).toMatchObject({ data: { arguments: { note: gone, lines: [{ "te/xt": gone }], ward: "7" }, destination: { url: gone } } });
  expect(noted).toEqual([]);
});

test("an entry whose seal is another's, or was changed, stays closed and keeps no other from being shown", async () => {
  const { show, noted } = given();
  const moved = await entryOf("another");
  const entries = [
    { ...moved, columns: { ...moved.columns, id: "one" } },
    await entryOf("two", undefined, randomBytes(32)),
    await entryOf("three"),
  ];
  const events = await show("acme", entries, shownTo);
  expect(events.map((event) => JSON.stringify(event).includes("hers"))).toEqual([false, false, true]);
  expect(noted).toMatchObject([{ entries: ["three"] }]);
});

test("without the sealing key nothing opens, and nothing that is there reads as erased", async () => {
  const { show } = given({ ring: false });
  const [event] = await show("acme", [await entryOf("one")], shownTo);
  expect(event).toMatchObject({ data: { arguments: { note: "[REDACTED:personal]" } } });
});
