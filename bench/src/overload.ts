import { readFileSync } from "node:fs";
import { startAegis } from "./fabric.ts";
import type { LoadResult } from "./load.ts";
import { type Machine, machine } from "./machine.ts";
import { clientCore, place } from "./placement.ts";
import { type BenchOptions, type Goal, goal } from "./report.ts";
import { drive } from "./rounds.ts";

export interface OverloadReport {
  readonly machine: Machine;
  readonly rows: readonly Phase[];
  readonly goals: readonly Goal[];
}

interface Phase {
  readonly phase: string;
  /** Calls per second asked, let through, and refused. */
  readonly asked: number;
  readonly answered: number;
  readonly refused: number;
  /** Milliseconds from when a call was to be sent. */
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly wrong: number;
  /** Resident memory of authz at the end, MiB. */
  readonly mebibytes: number;
}

const windowMs = 250;

/**
 * How authz bears load: 70 % of its own maximum for `seconds`, three times its maximum for a tenth of that (6 s at least), then 70 % again.
 * It runs on one core, the client and the rest of the fabric on another: where there are two.
 */
export async function benchOverload({ seconds, progress }: BenchOptions): Promise<OverloadReport> {
  await using aegis = await startAegis();
  const target = await aegis.target();
  await place(target);
  const { pid, whole: _, ...first } = target;
  const base = { ...first, connections: 8, warmupMs: 1_000, windowMs };
  const memory = () => Math.round(residentKiB(pid) / 1024);
  const refusals = async () => (await aegis.metric("aegis_rpc_refused_total")) ?? 0;
  progress("warming up, then as many calls as it can answer");
  await drive({ ...base, streams: 32, measureMs: 5_000 }, clientCore);
  const most = (await drive({ ...base, streams: 32, measureMs: 5_000 }, clientCore)).perSecond;
  const rows: Phase[] = [];
  const run = async (phase: string, rate: number, forSeconds: number): Promise<LoadResult> => {
    // A token lives for minutes.
    const { message } = await aegis.target();
    progress(`${phase}: ${rate}/s for ${forSeconds} s`);
    const result = await drive({ ...base, message, streams: 256, rate, measureMs: forSeconds * 1_000 }, clientCore);
    const refused = Math.round(result.refused / (forSeconds + base.warmupMs / 1_000));
    rows.push({ phase, asked: rate, answered: result.perSecond, refused, ...pick(result), mebibytes: memory() });
    return result;
  };
  const pieces = Math.max(2, Math.ceil(seconds / 120));
  const at70: LoadResult[] = [];
  for (let piece = 1; piece <= pieces; piece++)
    at70.push(await run(`70 % (${piece} of ${pieces})`, Math.floor(most * 0.7), Math.round(seconds / pieces)));
  const memories = rows.map(({ mebibytes }) => mebibytes);
  const before = await refusals();
  const over = await run("three times as much", most * 3, Math.max(6, Math.round(seconds / 10)));
  const counted = (await refusals()) - before;
  const after = await run("70 % again", Math.floor(most * 0.7), Math.max(6, Math.round(seconds / 10)));
  const usual = at70.at(-1)?.p99 ?? Number.NaN;
  return {
    machine: machine(),
    rows,
    goals: [
      goal("p99 of calls let in at three times, over the p99 at 70 %", over.p99 / usual, 5, "x"),
      goal("refusals that authz did not count as its own", Math.abs(over.refused - counted), 0, ""),
      goal("wrong answers, resets and lost connections", over.wrong, 0, ""),
      goal("until no call was refused and the p99 was within twice the usual", recovery(after, usual) / 1_000, 2, "s"),
      goal("p99 of the last piece at 70 % over that of the first", usual / (at70[0]?.p99 ?? Number.NaN), 1.2, "x"),
      goal("memory at the end of 70 % over that at the end of its first piece", (memories.at(-1) ?? 0) / (memories[0] ?? 0), 1.2, "x"),
    ],
  };
}

const pick = ({ p50, p99, p999, wrong }: LoadResult) => ({ p50, p99, p999, wrong });

/** Milliseconds until the last window that was not as usual. */
function recovery({ windows }: LoadResult, usual: number): number {
  return (windows.findLastIndex(({ p99, refused }) => refused > 0 || p99 > 2 * usual) + 1) * windowMs;
}

const residentKiB = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? Number.NaN);
