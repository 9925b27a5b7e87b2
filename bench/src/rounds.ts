import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import type { LoadOptions, LoadResult } from "./load.ts";

const execute = promisify(execFile);

/** One server under load: what to call and what a right answer begins with. */
export type Target = Pick<LoadOptions, "address" | "path" | "message" | "expect">;

/** The load of every round. */
export type Load = Pick<LoadOptions, "connections" | "streams" | "warmupMs" | "measureMs">;

/** Measures the targets in turn, A B A B …, so that a slow minute of the machine hits them alike; gives every round's result. */
export async function alternate<Name extends string>(
  targets: Readonly<Record<Name, () => Promise<Target>>>,
  load: Load,
  rounds: number,
  progress: (line: string) => void,
): Promise<Record<Name, LoadResult[]>> {
  const names = Object.keys(targets) as Name[];
  const results = Object.fromEntries(names.map((name) => [name, [] as LoadResult[]])) as Record<Name, LoadResult[]>;
  for (let round = 1; round <= rounds; round++) {
    for (const name of names) {
      const result = await once({ ...(await targets[name]()), ...load });
      progress(`round ${round}/${rounds} ${name}: ${result.perSecond}/s, p99 ${result.p99.toFixed(2)} ms, ${result.wrong} wrong`);
      results[name].push(result);
    }
  }
  return results;
}

async function once(options: LoadOptions): Promise<LoadResult> {
  const { stdout } = await execute(process.execPath, [join(import.meta.dirname, "load.ts"), JSON.stringify(options)]);
  return JSON.parse(stdout) as LoadResult;
}

/** The middle value; the lower one of two. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN;
}
