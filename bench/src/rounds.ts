import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { treeMicros } from "./cpu.ts";
import type { LoadOptions, LoadResult } from "./load.ts";
import { type CpuByPart, usedBetween } from "./parts.ts";
import { clientCore, place } from "./placement.ts";

const execute = promisify(execFile);

/** One server under load: what to call and what a right answer begins with. */
export type Target = Pick<LoadOptions, "address" | "path" | "message" | "expect" | "plain"> & {
  /** The process that answers; what it starts counts as part of it. */
  readonly pid: number;
  /** Others that share its port. */
  readonly beside?: readonly number[];
  /** Where there is more than that process: what all of it used so far, and how to wait until it has done everything it owes. */
  readonly whole?: { cpu(): Promise<CpuByPart>; settled(): Promise<void>; pids(): Promise<readonly number[]> };
};

export interface RoundResult extends LoadResult {
  /** Processor time that the answering process used for one answer, in microseconds. */
  readonly cpuMicros: number;
  /** The same for each part of the whole, up to where it had done everything it owed; and how long after the last answer that was. */
  readonly parts?: CpuByPart;
  readonly settledMs?: number;
}

/** The load of every round. */
export type Load = Pick<LoadOptions, "connections" | "streams" | "warmupMs" | "measureMs" | "rate"> & {
  /** The server has a core for itself, and the client shares another one with the rest. Absent: all share all. */
  readonly aCoreEach?: boolean;
};

/** Measures the targets in turn, A B A B …, so that a slow minute of the machine hits them alike; gives every round's result. */
export async function alternate<Name extends string>(
  targets: Readonly<Record<Name, () => Promise<Target>>>,
  load: Load,
  rounds: number,
  progress: (line: string) => void,
): Promise<Record<Name, RoundResult[]>> {
  const names = Object.keys(targets) as Name[];
  const results = Object.fromEntries(names.map((name) => [name, [] as RoundResult[]])) as Record<Name, RoundResult[]>;
  for (let round = 1; round <= rounds; round++) {
    for (const name of names) {
      const result = await once({ ...(await targets[name]()), ...load });
      progress(
        `round ${round}/${rounds} ${name}: ${result.perSecond}/s, p99 ${result.p99.toFixed(2)} ms, ${result.cpuMicros} us of CPU each, ${result.refused} refused, ${result.wrong} wrong`,
      );
      results[name].push(result);
    }
  }
  return results;
}

/** One run of the load client, as a process of its own; on one core (`taskset`), where one is named. */
export async function drive(options: LoadOptions, core?: number): Promise<LoadResult> {
  const command = [process.execPath, join(import.meta.dirname, "load.ts"), JSON.stringify(options)];
  const [program = "", ...args] = core === undefined ? command : ["taskset", "-c", String(core), ...command];
  return JSON.parse((await execute(program, args, { maxBuffer: 64 * 1024 * 1024 })).stdout) as LoadResult;
}

async function once({
  pid,
  beside = [],
  whole,
  aCoreEach = false,
  ...options
}: LoadOptions & Load & Pick<Target, "pid" | "beside" | "whole">): Promise<RoundResult> {
  if (aCoreEach) await place({ pid, ...(whole && { whole }) });
  const used = () => [pid, ...beside].reduce((sum, one) => sum + treeMicros(one), 0);
  const [before, partsBefore] = [used(), await whole?.cpu()];
  const result = await drive(options, aCoreEach ? clientCore : undefined);
  const after = used();
  const each = (micros: number) => Math.round(micros / result.total);
  const measured = { ...result, cpuMicros: each(after - before) };
  if (whole === undefined || partsBefore === undefined) return measured;
  const answeredAt = performance.now();
  await whole.settled();
  const settledMs = Math.round(performance.now() - answeredAt);
  const byPart = { ...usedBetween(partsBefore, await whole.cpu()), "the client": result.clientMicros };
  return { ...measured, parts: Object.fromEntries(Object.entries(byPart).map(([name, micros]) => [name, each(micros)])), settledMs };
}

/** The middle value; the lower one of two. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN;
}
