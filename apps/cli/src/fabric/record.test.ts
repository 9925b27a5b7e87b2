import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startProcess } from "@aegis/infra/process";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type DataDirectory, dataDirectory } from "./data-directory.ts";
import { identify, isAlive } from "./process-identity.ts";
import { endOrphans, releaseLock, runningRecord, takeLock, writeRecord } from "./record.ts";

let directory: DataDirectory;
beforeEach(async () => {
  directory = dataDirectory(await mkdtemp(join(tmpdir(), "aegis-record-")));
});
afterEach(() => rm(directory.root, { recursive: true, force: true }));

const dead = { pid: 2 ** 22 + 1, started: "0" };

test("what a killed supervisor left running is ended, by pid and start time", async () => {
  await using orphan = await startProcess({ command: "sleep", args: ["60"] });
  await using stranger = await startProcess({ command: "sleep", args: ["60"] });
  const left = identify(orphan.pid)!;
  const reused = { pid: stranger.pid, started: "another time" };
  await writeRecord(directory, {
    supervisor: dead,
    since: "",
    parts: [
      { name: "token", process: left, restarts: 0 },
      { name: "audit", process: reused, restarts: 0 },
    ],
  });
  expect(await endOrphans(directory)).toEqual(["token"]);
  expect(isAlive(left)).toBe(false);
  expect(stranger.exit()).toBeUndefined();
});

test("nothing of a live supervisor is touched", async () => {
  await using child = await startProcess({ command: "sleep", args: ["60"] });
  await writeRecord(directory, {
    supervisor: identify(process.pid)!,
    since: "",
    parts: [{ name: "token", process: identify(child.pid)!, restarts: 0 }],
  });
  expect(await endOrphans(directory)).toEqual([]);
  expect(child.exit()).toBeUndefined();
  expect((await runningRecord(directory))?.supervisor.pid).toBe(process.pid);
});

test("one live process holds a data directory; a dead holder's lock is taken over", async () => {
  expect(await takeLock(directory)).toBeUndefined();
  expect(await takeLock(directory)).toEqual(identify(process.pid));
  await releaseLock(directory);
  await writeFile(directory.lock, JSON.stringify(dead));
  expect(await takeLock(directory)).toBeUndefined();
});
