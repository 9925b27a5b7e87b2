import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLogger } from "@aegis/service/logger";
import { expect, test } from "vitest";
import { type SpoolFiles, systemFiles } from "./files.ts";
import { openSpool } from "./spool.ts";

const logger = createLogger({ service: "test", instance: "test", level: "silent" });

type Failure = "EIO" | "ENOSPC" | "KILL";

/**
 * Real files on which one system call, the `at`th, fails. A failed or killed write has written half. After KILL no call of this process
 * has any effect, nor comes back: as if it were gone.
 */
class FailingDisk {
  calls = 0;
  struck = "";
  readonly #at: number;
  readonly #failure: Failure;
  #dead = false;
  readonly killed = Promise.withResolvers<void>();

  constructor(at: number, failure: Failure) {
    this.#at = at;
    this.#failure = failure;
  }

  async #call<T>(name: string, work: () => Promise<T>, half: () => Promise<unknown> = async () => undefined): Promise<T> {
    if (this.#dead) return new Promise(() => undefined);
    if (++this.calls !== this.#at) return work();
    this.struck = name;
    await half();
    if (this.#failure !== "KILL") throw Object.assign(new Error(this.#failure), { code: this.#failure });
    this.#dead = true;
    this.killed.resolve();
    return new Promise(() => undefined);
  }

  get files(): SpoolFiles {
    return {
      create: (directory, path) =>
        this.#call("create", async () => {
          const file = await systemFiles.create(directory, path);
          return {
            write: (bytes) =>
              this.#call(
                "write",
                () => file.write(bytes),
                () => file.write(bytes.subarray(0, bytes.length >> 1)),
              ),
            sync: () => this.#call("sync", () => file.sync()),
            close: () => this.#call("close", () => file.close()),
          };
        }),
      list: (directory) => this.#call("list", () => systemFiles.list(directory)),
      size: (path) => this.#call("size", () => systemFiles.size(path)),
      read: (path) => this.#call("read", () => systemFiles.read(path)),
      truncate: (path, length) => this.#call("truncate", () => systemFiles.truncate(path, length)),
      remove: (path) => this.#call("remove", () => systemFiles.remove(path)),
      syncDirectory: (directory) => this.#call("syncDirectory", () => systemFiles.syncDirectory(directory)),
    };
  }
}

const limits = { maxBytes: 1e9, segmentBytes: 400 };
/** Up to here the spool is told to forget. */
const released = 9;
const body = (sequence: number) => Buffer.from(`event ${sequence}`);

/** Appends, releases and rotates for a while. Tells what was promised. */
async function live(directory: string, files: SpoolFiles, promised: Map<string, Set<number>>): Promise<void> {
  await using spool = await openSpool({ directory, logger, limits, files });
  const own = new Set<number>();
  promised.set(spool.epoch, own);
  for (let round = 0; round < 6; round++) {
    const appends = Array.from({ length: 3 }, (_, index) => {
      let mine = 0;
      const make = (sequence: number) => {
        mine = sequence;
        return body(sequence);
      };
      return spool.append(make, index === 0 ? "T2" : "T1").then(() => own.add(mine));
    });
    await Promise.allSettled(appends);
    if (round === 4) await spool.release(spool.epoch, released);
  }
}

async function everything(directory: string): Promise<Map<string, number[]>> {
  await using spool = await openSpool({ directory, logger, limits });
  await spool.append(body, "T1");
  await using reader = spool.reader();
  const found = new Map<string, number[]>();
  for (;;) {
    for (const record of await reader.read(1000)) {
      if (record.epoch === spool.epoch) return found;
      expect(String(record.body)).toBe(`event ${record.sequence}`);
      found.set(record.epoch, [...(found.get(record.epoch) ?? []), record.sequence]);
    }
  }
}

test.each(["EIO", "ENOSPC", "KILL"] as const)(
  "every system call of a spool's life fails once, by %s: nothing promised is missing afterwards, and nothing is there twice",
  async (failure) => {
    const struck = new Set<string>();
    for (let at = 1, more = true; more; at++) {
      const directory = mkdtempSync(join(tmpdir(), "spool-faults-"));
      const promised = new Map<string, Set<number>>();
      // Something is there already, so that recovery has work to do.
      await live(directory, systemFiles, promised);
      const disk = new FailingDisk(at, failure);
      await Promise.race([live(directory, disk.files, promised).catch(() => undefined), disk.killed.promise]);
      more = disk.struck !== "";
      struck.add(disk.struck);
      // A process that is gone holds nothing; this one only plays dead.
      if (failure === "KILL") rmSync(`${directory}.lock`, { force: true });
      const found = await everything(directory);
      for (const [epoch, sequences] of promised) {
        const kept = found.get(epoch) ?? [];
        expect(kept, `${failure} at call ${at}, ${disk.struck}`).toEqual([...new Set(kept)]);
        for (const sequence of sequences)
          if (sequence > released) expect(kept, `${failure} at call ${at}, ${disk.struck}`).toContain(sequence);
      }
    }
    for (const call of ["create", "write", "sync", "close", "list", "size", "read", "remove", "syncDirectory"])
      expect([...struck]).toContain(call);
  },
);

test("the same with a spool that takes a failed sync for success is seen to lose events", async () => {
  const directory = mkdtempSync(join(tmpdir(), "spool-faults-"));
  let written = 0;
  // As a kernel does it: what could not be written back counts as clean, and is gone.
  const careless: SpoolFiles = {
    ...systemFiles,
    async create(at, path) {
      const file = await systemFiles.create(at, path);
      return { ...file, sync: async () => (++written === 5 ? systemFiles.truncate(path, 0) : file.sync()) };
    },
  };
  const promised = new Map<string, Set<number>>();
  await live(directory, careless, promised);
  const found = await everything(directory);
  const lost = [...promised].flatMap(([epoch, own]) =>
    [...own].filter((sequence) => sequence > released && !found.get(epoch)?.includes(sequence)),
  );
  expect(lost.length).toBeGreaterThan(0);
});
