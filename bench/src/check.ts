import { freePort } from "@aegis/infra/ports";
import { startCerbos } from "./cerbos.ts";
import { startAegis, startTrivial } from "./fabric.ts";
import { type Machine, machine } from "./machine.ts";
import type { CpuByPart } from "./parts.ts";
import { alternate, type Load, median, type RoundResult } from "./rounds.ts";

interface Row {
  readonly server: string;
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  /** Processor time of the answering process for one answer, in microseconds. */
  readonly cpuMicros: number;
  readonly wrong: number;
}

export interface CheckReport {
  readonly machine: Machine;
  readonly load: string;
  readonly rows: readonly Row[];
  /** Where the processor time of one decision goes, microseconds, medians: by part of the fabric, up to where the ledger had every event. */
  readonly parts: CpuByPart;
  /** Decisions per second when the time counts until the ledger had every event. */
  readonly sustained: number;
  /** Throughput of Aegis over that of the peer. */
  readonly ratio: number;
  /** Processor time for a decision over that for the trivial handler's answer. */
  readonly cpuRatio: number;
}

/**
 * `Check` with everything on (token cached, policy, detectors, budget lease, spool synced to disk before each answer, publishing, ledger)
 * beside Cerbos' CheckResources with its file audit on, and beside a grpc-js handler that does nothing: the same rule, client and machine,
 * in alternating rounds.
 */
export async function benchCheck(options: { rounds: number; seconds: number; progress: (line: string) => void }): Promise<CheckReport> {
  options.progress("starting a fabric and Cerbos");
  await using aegis = await startAegis();
  await using trivial = await startTrivial();
  await using cerbos = await startCerbos(await freePort(), await freePort());
  const load = { connections: 8, streams: 32, warmupMs: 1_000, measureMs: options.seconds * 1_000 };
  const targets = { aegis: aegis.target, cerbos: async () => cerbos.target, trivial: async () => trivial.of(await aegis.target()) };
  const results = await alternate(targets, load, options.rounds, options.progress);
  const row = (server: string, rounds: readonly RoundResult[]): Row => ({
    server,
    perSecond: median(rounds.map((one) => one.perSecond)),
    p50: median(rounds.map((one) => one.p50)),
    p99: median(rounds.map((one) => one.p99)),
    cpuMicros: median(rounds.map((one) => one.cpuMicros)),
    wrong: rounds.reduce((sum, one) => sum + one.wrong, 0),
  });
  const rows = [
    row("aegis", results.aegis),
    row(`cerbos ${cerbos.version}`, results.cerbos),
    row("grpc-js, trivial", results.trivial),
  ] as const;
  return {
    machine: machine(),
    load: `${load.connections} connections x ${load.streams} streams, closed loop, ${options.rounds} alternating rounds of ${options.seconds} s, medians`,
    rows,
    parts: medianParts(results.aegis),
    sustained: median(results.aegis.map((one) => sustained(one, load))),
    ratio: Number((rows[0].perSecond / rows[1].perSecond).toFixed(2)),
    cpuRatio: Number((rows[0].cpuMicros / rows[2].cpuMicros).toFixed(2)),
  };
}

const sustained = ({ total, settledMs = 0 }: RoundResult, { warmupMs, measureMs }: Load): number =>
  Math.round((total / (warmupMs + measureMs + settledMs)) * 1000);

function medianParts(rounds: readonly RoundResult[]): CpuByPart {
  const names = Object.keys(rounds[0]?.parts ?? {});
  const medians = names.map((name) => [name, median(rounds.map((one) => one.parts?.[name] ?? 0))] as const);
  return Object.fromEntries(medians.filter(([, micros]) => micros > 0).sort((a, b) => b[1] - a[1]));
}
