import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { treeMicros, treePids } from "./cpu.ts";

/** Processor time of each part of a fabric, in microseconds: all threads, and all processes that a part started. */
export type CpuByPart = Readonly<Record<string, number>>;

interface RunRecord {
  readonly parts: readonly { readonly name: string; readonly process?: { readonly pid: number } }[];
}

/** What the fabric in `directory` used so far; its parts are those that its supervisor wrote down. */
export async function cpuByPart(directory: string): Promise<CpuByPart> {
  const { parts } = await recordOf(directory);
  return Object.fromEntries(parts.map(({ name, process }) => [name, process === undefined ? 0 : treeMicros(process.pid)]));
}

/** All processes of its parts. */
export const pidsOf = async (directory: string): Promise<number[]> =>
  (await recordOf(directory)).parts.flatMap(({ process }) => (process === undefined ? [] : treePids(process.pid)));

const recordOf = async (directory: string) => JSON.parse(await readFile(join(directory, "run", "record.json"), "utf8")) as RunRecord;

/** What each part used between two readings. */
export const usedBetween = (before: CpuByPart, after: CpuByPart): CpuByPart =>
  Object.fromEntries(Object.entries(after).map(([name, micros]) => [name, micros - (before[name] ?? 0)]));
