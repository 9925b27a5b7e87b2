import { startAegis } from "./fabric.ts";
import { type Machine, machine } from "./machine.ts";
import { type BenchOptions, type Goal, goal } from "./report.ts";
import { alternate, median, type RoundResult } from "./rounds.ts";

interface Row {
  readonly processes: number;
  readonly perSecond: number;
  readonly p99: number;
  /** Processor time for a decision, microseconds: of authz, and of the whole fabric until the ledger had it. */
  readonly authzMicros: number;
  readonly fabricMicros: number;
  readonly refused: number;
  readonly wrong: number;
}

/** Cores that are busy for so many decisions a second, by the processor time of the row with the most processes. */
interface Cores {
  readonly perSecond: number;
  readonly authz: number;
  readonly fabric: number;
}

export interface ScaleReport {
  readonly machine: Machine;
  readonly rows: readonly Row[];
  readonly cores: readonly Cores[];
  readonly goals: readonly Goal[];
}

/** One and two processes of authz behind one port, each with a fabric of its own, in alternating rounds under the same closed loop. */
export async function benchScale({ rounds, seconds, progress }: BenchOptions): Promise<ScaleReport> {
  progress("starting two fabrics");
  await using one = await startAegis();
  await using two = await startAegis("--workers", "2");
  const load = { connections: 8, streams: 32, warmupMs: 1_000, measureMs: seconds * 1_000 };
  const results = await alternate({ "1 process": one.target, "2 processes": two.target }, load, rounds, progress);
  const rows = [rowOf(1, results["1 process"]), rowOf(2, results["2 processes"])] as const;
  const [alone, most] = rows;
  return {
    machine: machine(),
    rows,
    cores: [10_000, 100_000].map((perSecond) => ({
      perSecond,
      authz: (perSecond * most.authzMicros) / 1e6,
      fabric: (perSecond * most.fabricMicros) / 1e6,
    })),
    goals: [goal("processor time of authz for a decision, two processes over one", most.authzMicros / alone.authzMicros, 1.1, "x")],
  };
}

function rowOf(processes: number, rounds: readonly RoundResult[]): Row {
  const middle = (of: (one: RoundResult) => number) => median(rounds.map(of));
  const sum = (of: (one: RoundResult) => number) => rounds.reduce((total, one) => total + of(one), 0);
  const fabric = ({ parts = {} }: RoundResult) =>
    Object.entries(parts).reduce((total, [part, micros]) => (part === "the client" ? total : total + micros), 0);
  return {
    processes,
    perSecond: middle((one) => one.perSecond),
    p99: middle((one) => one.p99),
    authzMicros: middle((one) => one.cpuMicros),
    fabricMicros: middle(fabric),
    ...{ refused: sum((one) => one.refused), wrong: sum((one) => one.wrong) },
  };
}
