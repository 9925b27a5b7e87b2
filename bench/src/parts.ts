import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { treeMicros } from "./cpu.ts";

/** Processor time of each part of a fabric, in microseconds: all threads, and all processes that a part started. */
export type CpuByPart = Readonly<Record<string, number>>;

interface RunRecord {
  readonly parts: readonly { readonly name: string; readonly process?: { readonly pid: number } }[];
}

/** What the fabric in `directory` used so far; its parts are those that its supervisor wrote down. */
export async function cpuByPart(directory: string): Promise<CpuByPart> {
  const { parts } = JSON.parse(await readFile(join(directory, "run", "record.json"), "utf8")) as RunRecord;
  return Object.fromEntries(parts.map(({ name, process }) => [name, process === undefined ? 0 : treeMicros(process.pid)]));
}

/** What each part used between two readings. */
export const usedBetween = (before: CpuByPart, after: CpuByPart): CpuByPart =>
  Object.fromEntries(Object.entries(after).map(([name, micros]) => [name, micros - (before[name] ?? 0)]));
