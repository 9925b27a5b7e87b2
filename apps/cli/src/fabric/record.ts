import { mkdir, open, readFile, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Failure } from "../failure.ts";
import { readJson, writeAtomically } from "../files.ts";
import type { DataDirectory } from "./data-directory.ts";
import { identify, isAlive, type ProcessIdentity, signalGroup } from "./process-identity.ts";

/** One supervised process as others see it. */
export interface PartRecord {
  name: string;
  /** Absent while it is down between a crash and its restart. */
  process?: ProcessIdentity;
  restarts: number;
  /** Why it last ended by itself. */
  lastExit?: string;
  /** Where it answers `GET /readyz`. */
  url?: string;
}

/** What the supervisor writes down at every change, so that others can ask, stop it, or clean up after it. */
export interface RunRecord {
  supervisor: ProcessIdentity;
  since: string;
  parts: PartRecord[];
}

export const readRecord = (directory: DataDirectory): Promise<RunRecord | undefined> => readJson<RunRecord>(directory.record);

export const writeRecord = (directory: DataDirectory, record: RunRecord): Promise<void> =>
  writeAtomically(directory.record, JSON.stringify(record, null, 1));

/** The record, when its supervisor is alive. */
export async function runningRecord(directory: DataDirectory): Promise<RunRecord | undefined> {
  const record = await readRecord(directory);
  return record && isAlive(record.supervisor) ? record : undefined;
}

/**
 * Takes the data directory for this process. Gives the holder when another live process has it.
 * A lock whose holder is dead is taken over.
 */
export async function takeLock(directory: DataDirectory): Promise<ProcessIdentity | undefined> {
  const self = identify(process.pid);
  if (!self) throw new Failure("this process cannot read its own start time: is /proc mounted?");
  await mkdir(dirname(directory.lock), { recursive: true });
  for (let attempt = 0; attempt < 5; attempt += 1) {
    try {
      const file = await open(directory.lock, "wx", 0o600);
      await file.writeFile(JSON.stringify(self));
      await file.close();
      return undefined;
    } catch (caught) {
      if ((caught as NodeJS.ErrnoException).code !== "EEXIST") throw caught;
    }
    const holder = await holderOf(directory.lock);
    if (holder && isAlive(holder)) return holder;
    await rm(directory.lock, { force: true });
  }
  throw new Failure(`cannot take ${directory.lock}: remove it when no ./aegis up is running there`);
}

export const releaseLock = (directory: DataDirectory): Promise<void> => rm(directory.lock, { force: true });

async function holderOf(lock: string): Promise<ProcessIdentity | undefined> {
  try {
    return JSON.parse(await readFile(lock, "utf8")) as ProcessIdentity;
  } catch {
    return undefined;
  }
}

/** Ends what a supervisor that was killed left running; gives the names of what it ended. */
export async function endOrphans(directory: DataDirectory): Promise<string[]> {
  const record = await readRecord(directory);
  if (!record || isAlive(record.supervisor)) return [];
  const orphans = record.parts.filter((part) => part.process && isAlive(part.process));
  await endAll(orphans.flatMap((part) => part.process ?? []));
  await rm(directory.record, { force: true });
  await rm(directory.endpoints, { force: true });
  return orphans.map((part) => part.name);
}

/** TERM to each group, KILL to those that have not gone after the grace time. */
async function endAll(processes: readonly ProcessIdentity[], graceMs = 10_000): Promise<void> {
  for (const one of processes) if (isAlive(one)) signalGroup(one.pid, "SIGTERM");
  const until = Date.now() + graceMs;
  while (processes.some(isAlive) && Date.now() < until) await delay(50);
  for (const one of processes) if (isAlive(one)) signalGroup(one.pid, "SIGKILL");
  while (processes.some(isAlive)) await delay(20);
}
