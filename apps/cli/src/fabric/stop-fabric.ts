import { rm } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import type { DataDirectory } from "./data-directory.ts";
import { isAlive } from "./process-identity.ts";
import { endOrphans, readRecord, releaseLock } from "./record.ts";

/** Stops whatever runs in the data directory; gives the names of the processes it ended, none when nothing ran. */
export async function stopFabric(directory: DataDirectory, graceMs = 45_000): Promise<string[]> {
  const record = await readRecord(directory);
  if (!record) return [];
  const running = record.parts.filter((part) => part.process && isAlive(part.process)).map((part) => part.name);
  if (isAlive(record.supervisor)) {
    process.kill(record.supervisor.pid, "SIGTERM");
    const until = Date.now() + graceMs;
    while (isAlive(record.supervisor) && Date.now() < until) await delay(50);
    if (isAlive(record.supervisor)) {
      process.kill(record.supervisor.pid, "SIGKILL");
      while (isAlive(record.supervisor)) await delay(20);
    }
  }
  await endOrphans(directory);
  await releaseLock(directory);
  await rm(directory.endpoints, { force: true });
  return running;
}
