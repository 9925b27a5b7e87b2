import { freePort } from "@aegis/infra/ports";
import { startCerbos } from "./cerbos.ts";
import { measureDisk } from "./disk.ts";
import { startAegis, startTrivial } from "./fabric.ts";
import { type Machine, machine } from "./machine.ts";
import { startOpa } from "./opa.ts";
import type { CpuByPart } from "./parts.ts";
import { alternate, type Load, median, type RoundResult, type Target } from "./rounds.ts";

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
  /** At the same rate for all, half of what the slowest of them can do, calls arriving by chance. */
  readonly latencies: readonly Latency[];
  readonly rate: number;
  /** fdatasync of the disk alone, milliseconds. */
  readonly disk: { readonly p50: number; readonly p99: number };
  /** Throughput of Aegis over that of each peer. */
  readonly ratios: Readonly<Record<string, number>>;
  /** Processor time for a decision over that for the trivial handler's answer. */
  readonly cpuRatio: number;
}

/** Milliseconds from when a call was to be sent. */
interface Latency {
  readonly server: string;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly wrong: number;
}

const rounded = (ratio: number): number => Number(ratio.toFixed(2));

/**
 * `Check` with everything on (token cached, policy, detectors, budget lease, spool synced to disk before each answer, publishing, ledger)
 * beside Cerbos' CheckResources with its file audit on, OPA's server with its decision log on, and a grpc-js handler that does nothing: the
 * same rule, client and machine, in alternating rounds. First as many calls as each can answer, then all at the same rate.
 */
export async function benchCheck(options: { rounds: number; seconds: number; progress: (line: string) => void }): Promise<CheckReport> {
  options.progress("starting a fabric, Cerbos and OPA");
  await using aegis = await startAegis();
  await using trivial = await startTrivial();
  await using cerbos = await startCerbos(await freePort(), await freePort());
  await using opa = await startOpa();
  if (opa === undefined) options.progress("no opa: set AEGIS_OPA to one, or run ./aegis test once, which builds it");
  const load = { connections: 8, streams: 32, warmupMs: 1_000, measureMs: options.seconds * 1_000 };
  const targets: Record<string, () => Promise<Target>> = {
    aegis: aegis.target,
    [`cerbos ${cerbos.version}`]: async () => cerbos.target,
    ...(opa && { [`opa ${opa.version}`]: async () => opa.target }),
    "grpc-js, trivial": async () => trivial.of(await aegis.target()),
  };
  const results = await alternate(targets, load, options.rounds, options.progress);
  const row = (server: string, rounds: readonly RoundResult[]): Row => ({
    server,
    perSecond: median(rounds.map((one) => one.perSecond)),
    p50: median(rounds.map((one) => one.p50)),
    p99: median(rounds.map((one) => one.p99)),
    cpuMicros: median(rounds.map((one) => one.cpuMicros)),
    wrong: rounds.reduce((sum, one) => sum + one.wrong, 0),
  });
  const rows = Object.entries(results).map(([server, rounds]) => row(server, rounds));
  const own = rows[0] as Row;
  const rate = Math.floor(Math.min(...rows.map(({ perSecond }) => perSecond)) / 2);
  options.progress(`all at ${rate}/s`);
  const steady = await alternate(targets, { ...load, streams: 256, rate }, options.rounds, options.progress);
  const latencies = Object.entries(steady).map(([server, rounds]): Latency => {
    const middle = (of: (one: RoundResult) => number) => median(rounds.map(of));
    const wrong = rounds.reduce((sum, one) => sum + one.wrong, 0);
    return { server, p50: middle(({ p50 }) => p50), p99: middle(({ p99 }) => p99), p999: middle(({ p999 }) => p999), wrong };
  });
  return {
    machine: machine(),
    load: `${load.connections} connections x ${load.streams} streams, closed loop, ${options.rounds} alternating rounds of ${options.seconds} s, medians`,
    rows,
    parts: medianParts(results.aegis ?? []),
    sustained: median((results.aegis ?? []).map((one) => sustained(one, load))),
    ...{ latencies, rate, disk: measureDisk() },
    ratios: Object.fromEntries(rows.slice(1).map(({ server, perSecond }) => [server, rounded(own.perSecond / perSecond)])),
    cpuRatio: rounded(own.cpuMicros / (rows.at(-1) as Row).cpuMicros),
  };
}

const sustained = ({ total, settledMs = 0 }: RoundResult, { warmupMs, measureMs }: Load): number =>
  Math.round((total / (warmupMs + measureMs + settledMs)) * 1000);

function medianParts(rounds: readonly RoundResult[]): CpuByPart {
  const names = Object.keys(rounds[0]?.parts ?? {});
  const medians = names.map((name) => [name, median(rounds.map((one) => one.parts?.[name] ?? 0))] as const);
  return Object.fromEntries(medians.filter(([, micros]) => micros > 0).sort((a, b) => b[1] - a[1]));
}
