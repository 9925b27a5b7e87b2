import { build } from "hdr-histogram-js";
import { type Contest, contests } from "./contest.ts";
import { type Contestant, contestants } from "./contestants.ts";
import { type Machine, machine } from "./machine.ts";
import { type BenchOptions, type Goal, goal } from "./report.ts";
import { median } from "./rounds.ts";
import { spin } from "./spin.ts";

interface Row {
  readonly policy: string;
  readonly engine: string;
  /** Processor time of a decision, median over the rounds, in microseconds; p50 and p99 are of the clock. */
  readonly micros: number;
  readonly p50: number;
  readonly p99: number;
  /** The processor time over Aegis's own on the same policy. */
  readonly ratio: number;
}

export interface EngineReport {
  readonly machine: Machine;
  readonly versions: Readonly<Record<string, string>>;
  readonly rounds: number;
  readonly rows: readonly Row[];
  readonly goals: readonly Goal[];
}

interface Measured {
  readonly means: number[];
  /** Nanoseconds of single decisions. */
  readonly histogram: ReturnType<typeof build>;
}

/**
 * One decision in process, without detectors: three policies, each in four engines, the same calls in alternating rounds. Every engine
 * must first give the expected decisions. What a caller may keep between calls (parsed policies, request objects) is prepared.
 */
export async function benchEngine({ rounds, seconds, progress }: BenchOptions): Promise<EngineReport> {
  const rows: Row[] = [];
  const versions: Record<string, string> = {};
  for (const contest of contests) {
    const engines = await contestants(contest);
    for (const one of engines) {
      versions[one.engine] = one.version;
      verify(contest, one);
    }
    const runs = engines.map((one) => ({ one, decide: contest.calls.map(({ call }) => one.of(call)), measured: emptyMeasure() }));
    for (const { decide } of runs) spin(all(decide), seconds * 600);
    for (let round = 1; round <= rounds; round++) {
      for (const { one, decide, measured } of runs) {
        const mean = spin(all(decide), seconds * 100);
        measured.means.push(mean);
        record(decide, seconds * 50, measured.histogram);
        progress(`${contest.name}, round ${round}/${rounds}, ${one.engine}: ${mean.toFixed(2)} us`);
      }
    }
    const own = median(runs[0]?.measured.means ?? []);
    for (const { one, measured } of runs) {
      const micros = median(measured.means);
      const at = (percentile: number) => measured.histogram.getValueAtPercentile(percentile) / 1000;
      rows.push({ policy: contest.name, engine: one.engine, micros, p50: at(50), p99: at(99), ratio: micros / own });
    }
  }
  const slowest = Math.max(...rows.filter(({ engine }) => engine === "aegis").map(({ micros }) => micros));
  return {
    machine: machine(),
    versions,
    rounds,
    rows,
    goals: [goal("one decision, typical policy", slowest, 2, "us")],
  };
}

const emptyMeasure = (): Measured => ({
  means: [],
  histogram: build({ lowestDiscernibleValue: 1, highestTrackableValue: 1e9, numberOfSignificantValueDigits: 3 }),
});

function verify({ name, calls }: Contest, contestant: Contestant): void {
  for (const { call, allowed } of calls) {
    if (contestant.of(call)() !== allowed)
      throw new Error(`${contestant.engine} does not decide as the others on "${name}": ${JSON.stringify(call)} should be ${allowed}`);
  }
}

const all = (decide: readonly (() => boolean)[]) => () => {
  let allowed = 0;
  for (let repeat = 0; repeat < 16; repeat++) for (const one of decide) if (one()) allowed++;
  if (allowed === 0) throw new Error("nothing was allowed");
  return 16 * decide.length;
};

/** Times single decisions; the clock itself takes some tens of nanoseconds of each. */
function record(decide: readonly (() => boolean)[], milliseconds: number, histogram: ReturnType<typeof build>): void {
  const until = performance.now() + milliseconds;
  while (performance.now() < until) {
    for (const one of decide) {
      const before = process.hrtime.bigint();
      one();
      histogram.recordValue(Number(process.hrtime.bigint() - before));
    }
  }
}
