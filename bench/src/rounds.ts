import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { cpuMicros } from "./cpu.ts";
import type { LoadOptions, LoadResult } from "./load.ts";

const execute = promisify(execFile);

/** One server under load: what to call and what a right answer begins with. */
export type Target = Pick<LoadOptions, "address" | "path" | "message" | "expect"> & {
  /** The process that answers. */
  readonly pid: number;
};

export interface RoundResult extends LoadResult {
  /** Processor time that the answering process used for one answer, in microseconds. */
  readonly cpuMicros: number;
}

/** The load of every round. */
export type Load = Pick<LoadOptions, "connections" | "streams" | "warmupMs" | "measureMs">;

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
        `round ${round}/${rounds} ${name}: ${result.perSecond}/s, p99 ${result.p99.toFixed(2)} ms, ${result.cpuMicros} us of CPU each, ${result.wrong} wrong`,
      );
      results[name].push(result);
    }
  }
  return results;
}

async function once({ pid, ...options }: LoadOptions & { pid: number }): Promise<RoundResult> {
  const before = cpuMicros(pid);
  const { stdout } = await execute(process.execPath, [join(import.meta.dirname, "load.ts"), JSON.stringify(options)]);
  const after = cpuMicros(pid);
  const result = JSON.parse(stdout) as LoadResult;
  return { ...result, cpuMicros: before === undefined || after === undefined ? Number.NaN : Math.round((after - before) / result.total) };
}

/** The middle value; the lower one of two. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN;
}
