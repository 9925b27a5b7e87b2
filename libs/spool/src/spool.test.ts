import { lutimesSync, mkdtempSync, readdirSync, readFileSync, statSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { createLogger } from "@aegis/service/logger";
import { digestOf, nextHead, noHead } from "@aegis/tlog/statement";
import { expect, test } from "vitest";
import { type SegmentFile, type SpoolFiles, systemFiles } from "./files.ts";
import type { Damage, SpoolRecord } from "./reader.ts";
import { encodeRecord } from "./record.ts";
import { openSpool, type Spool } from "./spool.ts";

const logger = createLogger({ service: "test", instance: "test", level: "silent" });
const newDirectory = () => mkdtempSync(join(tmpdir(), "spool-"));
const open = (
  directory: string,
  more: {
    files?: SpoolFiles;
    maxBytes?: number;
    segmentBytes?: number;
    onDamage?: (d: Damage) => void;
    chains?: (b: Uint8Array) => Uint8Array;
  } = {},
) =>
  openSpool({
    directory,
    logger,
    limits: { maxBytes: more.maxBytes ?? 1e9, segmentBytes: more.segmentBytes ?? 1e6 },
    ...(more.files && { files: more.files }),
    ...(more.onDamage && { onDamage: more.onDamage }),
    ...(more.chains && { chains: more.chains }),
  });
const body = (sequence: number) => Buffer.from(`event ${sequence}`);

async function fill(spool: Spool, count: number, tier: "T1" | "T2" = "T1") {
  await Promise.all(Array.from({ length: count }, () => spool.append(body, tier)));
}

async function readAll(spool: Spool, count: number) {
  await using reader = spool.reader();
  const records = [];
  while (records.length < count) records.push(...(await reader.read(100)));
  return records.map((record) => `${record.epoch}/${record.sequence}:${record.body}`);
}

const expected = (epoch: string, from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => `${epoch}/${from + index}:event ${from + index}`);

test("sequences are given in the order of the calls and read back in that order", async () => {
  await using spool = await open(newDirectory());
  const seen: number[] = [];
  await Promise.all(
    Array.from({ length: 500 }, (_, index) =>
      spool.append(
        (sequence) => {
          seen.push(sequence);
          return body(sequence);
        },
        index % 3 === 0 ? "T1" : "T2",
      ),
    ),
  );
  expect(seen).toEqual(Array.from({ length: 500 }, (_, index) => index + 1));
  expect(await readAll(spool, 500)).toEqual(expected(spool.epoch, 1, 500));
});

test("what arrives during a sync shares the next one", async () => {
  let syncs = 0;
  const files = faulty({ sync: async () => void syncs++ });
  await using spool = await open(newDirectory(), { files });
  await fill(spool, 1000);
  expect(syncs).toBeLessThan(10);
  expect(syncs).toBeGreaterThan(0);
});

test("T2 waits for no sync", async () => {
  const gate = Promise.withResolvers<void>();
  await using spool = await open(newDirectory(), { files: faulty({ sync: () => gate.promise }) });
  await fill(spool, 10, "T2");
  expect(await readAll(spool, 10)).toEqual(expected(spool.epoch, 1, 10));
  gate.resolve();
});

test("T1 is not promised before the sync that covers it has returned", async () => {
  const gate = Promise.withResolvers<void>();
  const syncing = Promise.withResolvers<void>();
  const files = faulty({
    sync: () => {
      syncing.resolve();
      return gate.promise;
    },
  });
  await using spool = await open(newDirectory(), { files });
  const promised: string[] = [];
  const first = spool.append(body, "T1").then(() => promised.push("first"));
  await syncing.promise;
  const second = spool.append(body, "T1").then(() => promised.push("second"));
  await new Promise(setImmediate);
  expect(promised).toEqual([]);
  gate.resolve();
  await Promise.all([first, second]);
  expect(promised).toEqual(["first", "second"]);
});

test("a make that throws uses no sequence", async () => {
  await using spool = await open(newDirectory());
  const broken = () => {
    throw new Error("no");
  };
  await expect(spool.append(broken, "T1")).rejects.toThrow("no");
  await fill(spool, 1);
  expect(await readAll(spool, 1)).toEqual(expected(spool.epoch, 1, 1));
});

test("a reader waits for what comes later, and stops when told", async () => {
  await using spool = await open(newDirectory());
  await using reader = spool.reader();
  const stop = new AbortController();
  const first = reader.read(10, stop.signal);
  await fill(spool, 1);
  expect((await first).length).toBe(1);
  const second = reader.read(10, stop.signal);
  stop.abort();
  expect(await second).toEqual([]);
});

test("segments rotate, and go once everything in them is released", async () => {
  const directory = newDirectory();
  await using spool = await open(directory, { segmentBytes: 500 });
  for (let round = 0; round < 20; round++) await fill(spool, 5);
  const before = readdirSync(directory).length;
  expect(before).toBeGreaterThan(5);
  await spool.release(spool.epoch, 50);
  expect(readdirSync(directory).length).toBeLessThan(before);
  const kept = await readAll(spool, spool.bytes() / (24 + 32 + body(10).length) - 0.5);
  expect(kept).toEqual(expected(spool.epoch, 101 - kept.length, 100));
  await spool.release(spool.epoch, 100);
  expect(readdirSync(directory)).toHaveLength(1);
  expect(spool.bytes()).toBe(0);
  await fill(spool, 1);
  expect(await readAll(spool, 1)).toEqual(expected(spool.epoch, 101, 101));
});

test("a watermark of another epoch frees nothing of this one", async () => {
  await using spool = await open(newDirectory());
  await fill(spool, 5);
  await spool.release("0000000000000000", 5);
  expect(await readAll(spool, 5)).toHaveLength(5);
});

test("after a restart the old epochs are read first, each from its start", async () => {
  const directory = newDirectory();
  const epochs: string[] = [];
  for (let run = 0; run < 3; run++) {
    await using spool = await open(directory, { segmentBytes: 300 });
    epochs.push(spool.epoch);
    await fill(spool, 20);
  }
  await using spool = await open(directory);
  await fill(spool, 3);
  expect(await readAll(spool, 63)).toEqual([...epochs.flatMap((epoch) => expected(epoch, 1, 20)), ...expected(spool.epoch, 1, 3)]);
  for (const epoch of epochs) await spool.release(epoch, 20);
  await spool.release(spool.epoch, 3);
  expect(readdirSync(directory)).toHaveLength(1);
});

test("a tail cut at any byte loses only the record it cuts", async () => {
  const source = newDirectory();
  let epoch = "";
  {
    await using spool = await open(source);
    epoch = spool.epoch;
    await fill(spool, 5);
  }
  const name = readdirSync(source)[0] as string;
  const whole = readFileSync(join(source, name));
  const recordBytes = whole.length / 5;
  for (let length = whole.length; length >= 0; length -= 7) {
    const directory = newDirectory();
    writeFileSync(join(directory, name), whole.subarray(0, length));
    const damages: Damage[] = [];
    await using spool = await open(directory, { onDamage: (damage) => damages.push(damage) });
    const left = Math.floor(length / recordBytes);
    await fill(spool, 1);
    expect(await readAll(spool, left + 1)).toEqual([...expected(epoch, 1, left), ...expected(spool.epoch, 1, 1)]);
    expect(damages).toHaveLength(length % recordBytes === 0 ? 0 : 1);
  }
});

test("a bit flipped in the middle costs one record, raises an alarm and hides nothing behind it", async () => {
  const source = newDirectory();
  let epoch = "";
  {
    await using spool = await open(source);
    epoch = spool.epoch;
    await fill(spool, 10);
  }
  const name = readdirSync(source)[0] as string;
  const whole = readFileSync(join(source, name));
  for (let at = 0; at < whole.length * 0.8; at += 11) {
    const directory = newDirectory();
    const copy = Buffer.from(whole);
    copy[at] = (copy[at] as number) ^ 0x10;
    writeFileSync(join(directory, name), copy);
    const damages: Damage[] = [];
    await using spool = await open(directory, { onDamage: (damage) => damages.push(damage) });
    const kept = await readAll(spool, 9);
    expect(kept).toHaveLength(9);
    expect(expected(epoch, 1, 10)).toEqual(expect.arrayContaining(kept));
    expect(damages.length).toBeGreaterThan(0);
  }
});

test("any range of any epoch is read again, across segments, without what is released", async () => {
  const directory = newDirectory();
  let old = "";
  {
    await using spool = await open(directory, { segmentBytes: 300 });
    old = spool.epoch;
    for (let round = 0; round < 10; round++) await fill(spool, 5);
  }
  await using spool = await open(directory, { segmentBytes: 300 });
  await fill(spool, 5);
  const again = async (epoch: string, first: number, last: number) => {
    const found = [];
    for await (const records of spool.again(epoch, first, last)) found.push(...records.map(({ sequence }) => sequence));
    return found;
  };
  expect(await again(old, 8, 23)).toEqual(Array.from({ length: 16 }, (_, at) => at + 8));
  expect(await again(spool.epoch, 2, 3)).toEqual([2, 3]);
  expect([spool.last(old), spool.last(spool.epoch), spool.last("0000000000000000")]).toEqual([50, 5, 0]);
  await spool.release(old, 50);
  expect(await again(old, 1, 50)).toEqual([]);
  expect(spool.last(old)).toBe(0);
});

test("each record holds the head of the chain before it, across segments; another epoch begins another chain", async () => {
  const directory = newDirectory();
  for (let run = 0; run < 2; run++) {
    await using spool = await open(directory, { segmentBytes: 300, chains: (bytes) => bytes.subarray(6) });
    for (let round = 0; round < 10; round++) await fill(spool, 3);
  }
  await using spool = await open(directory);
  await using reader = spool.reader();
  const records: SpoolRecord[] = [];
  while (records.length < 60) records.push(...(await reader.read(100)));
  for (const own of Map.groupBy(records, ({ epoch }) => epoch).values()) {
    let head: Buffer = noHead;
    for (const { previous, body } of own) {
      expect(previous).toEqual(head);
      head = nextHead(head, digestOf(body.subarray(6)));
    }
  }
});

test("segments of the version before are read, without a chain", async () => {
  const directory = newDirectory();
  const epoch = Buffer.from("0123456789abcdef", "hex");
  const records = [1, 2, 3].map((sequence) => encodeRecord(epoch, sequence, body(sequence)));
  writeFileSync(join(directory, `0000000001-0123456789abcdef-${"1".padStart(16, "0")}.segment`), Buffer.concat(records));
  await using spool = await open(directory);
  await fill(spool, 1);
  await using reader = spool.reader();
  const found = [...(await reader.read(10))];
  while (found.length < 4) found.push(...(await reader.read(10)));
  expect(found.map(({ sequence, body, previous }) => `${sequence} ${body} ${previous?.length}`)).toEqual([
    "1 event 1 undefined",
    "2 event 2 undefined",
    "3 event 3 undefined",
    "1 event 1 32",
  ]);
  await spool.release("0123456789abcdef", 3);
  expect(readdirSync(directory)).toHaveLength(1);
});

test("an emptied segment is removed", async () => {
  const directory = newDirectory();
  {
    await using spool = await open(directory);
    await fill(spool, 1);
  }
  truncateSync(join(directory, readdirSync(directory)[0] as string), 3);
  await using spool = await open(directory);
  expect(readdirSync(directory)).toHaveLength(1);
  expect(spool.bytes()).toBe(0);
});

test.each(["write", "sync"] as const)("a %s that fails once loses nothing: a new file takes over and the old one is left", async (call) => {
  let calls = 0;
  const failed: SegmentFile[] = [];
  const files = faulty({
    [call]: async (file: SegmentFile) => {
      expect(failed, "the failed file is never touched again").not.toContain(file);
      if (++calls === 2) {
        failed.push(file);
        throw Object.assign(new Error("EIO"), { code: "EIO" });
      }
    },
  });
  const directory = newDirectory();
  let epoch = "";
  {
    await using spool = await open(directory, { files });
    epoch = spool.epoch;
    for (let round = 0; round < 4; round++) await fill(spool, 5);
    expect(failed).toHaveLength(1);
    expect(await readAll(spool, 20)).toEqual(expected(epoch, 1, 20));
  }
  await using again = await open(directory);
  expect(await readAll(again, 20)).toEqual(expected(epoch, 1, 20));
});

test("when the replacement fails as well the spool is dead: nothing is ever said to be safe", async () => {
  const files = faulty({
    sync: async () => {
      throw new Error("EIO");
    },
  });
  await using spool = await open(newDirectory(), { files });
  const first = await Promise.allSettled([spool.append(body, "T1"), spool.append(body, "T1")]);
  expect(first.map((one) => one.status)).toEqual(["rejected", "rejected"]);
  expect(spool.state()).toBe("dead");
  await expect(spool.append(body, "T2")).rejects.toMatchObject({ code: "unavailable" });
});

test("a full spool alarms, sheds and refuses, and takes events again once it was freed", async () => {
  await using spool = await open(newDirectory(), { maxBytes: 10_000, segmentBytes: 1000 });
  const states = new Set<string>();
  const append = () => spool.append(() => Buffer.alloc(44), "T1");
  for (let count = 0; count < 94; count++) {
    await append();
    states.add(spool.state());
  }
  await append();
  expect([...states]).toEqual(["ok", "alarm", "shed"]);
  await expect(append()).rejects.toMatchObject({ code: "unavailable" });
  await spool.release(spool.epoch, 60);
  await append();
  expect(spool.state()).toBe("ok");
});

test("one process at a time has a spool; what a killed one left is taken over, on this host at once and another's once it is quiet", async () => {
  const directory = newDirectory();
  const lock = `${directory}.lock`;
  {
    await using spool = await open(directory);
    await fill(spool, 1);
    await expect(open(directory)).rejects.toMatchObject({ code: "conflict" });
  }
  symlinkSync(`${hostname()}:1:0`, lock);
  await (await open(directory))[Symbol.asyncDispose]();
  symlinkSync("another-host:1:0", lock);
  await expect(open(directory)).rejects.toMatchObject({ code: "conflict" });
  lutimesSync(lock, new Date(0), new Date(Date.now() - 60_000));
  await using spool = await open(directory);
  expect(spool.bytes()).toBeGreaterThan(0);
});

test("segments are private to their owner", async () => {
  const directory = newDirectory();
  await using spool = await open(directory);
  await fill(spool, 1);
  expect(statSync(join(directory, readdirSync(directory)[0] as string)).mode & 0o777).toBe(0o600);
});

/** Real files with a hook before each write or sync. */
function faulty(hooks: { write?: (file: SegmentFile) => Promise<void>; sync?: (file: SegmentFile) => Promise<void> }): SpoolFiles {
  return {
    ...systemFiles,
    async create(directory, path) {
      const real = await systemFiles.create(directory, path);
      const file: SegmentFile = {
        write: async (bytes) => {
          await hooks.write?.(file);
          await real.write(bytes);
        },
        sync: async () => {
          await hooks.sync?.(file);
          await real.sync();
        },
        close: () => real.close(),
      };
      return file;
    },
  };
}
