import { startCerbos } from "./cerbos.ts";
import { measureDisk } from "./disk.ts";
import { startAegis, startTrivial } from "./fabric.ts";
import { type Machine, machine } from "./machine.ts";
import { startOpa } from "./opa.ts";
import type { CpuByPart } from "./parts.ts";
import { onServerCore } from "./placement.ts";
import { atLeast, type Goal, goal } from "./report.ts";
import { alternate, type Load, median, type RoundResult, type Target } from "./rounds.ts";

interface Row {
  readonly server: string;
  readonly perSecond: number;
  /** Milliseconds; in an open loop from when a call was to be sent. */
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  /** Processor time of the answering process for one answer, in microseconds. */
  readonly cpuMicros: number;
  /** Calls of all rounds that were answered by a status, and answers other than the expected one. */
  readonly refused: number;
  readonly wrong: number;
}

export interface CheckReport {
  readonly machine: Machine;
  readonly load: string;
  /** Each server has a core for itself; the client has another one, with the rest of the fabric behind it. */
  readonly aCoreEach: readonly Row[];
  /** Everything shares both cores: the server, its client and, with Aegis, the whole fabric. */
  readonly shared: readonly Row[];
  /** Where the processor time of one decision goes, microseconds, medians: by part of the fabric, up to where the ledger had every event. */
  readonly parts: CpuByPart;
  /** Decisions per second of the shared run when the time counts until the ledger had every event. */
  readonly sustained: number;
  /** A core each, at the same rate for all, half of what the slowest of them can do, calls arriving by chance. */
  readonly equalLoad: readonly Row[];
  readonly rate: number;
  /** fdatasync of the disk alone, milliseconds. */
  readonly disk: { readonly p50: number; readonly p99: number };
  readonly goals: readonly Goal[];
}

/**
 * `Check` with everything on (token cached, 100 rules, detectors, budget lease, spool synced to disk before each answer, publishing, ledger)
 * beside Cerbos' CheckResources with its file audit on, OPA's server with its decision log on, and a grpc-js handler that does nothing: the
 * same rule, client and machine, in alternating rounds. As many calls as each can answer, then all at the same rate.
 */
export async function benchCheck(options: { rounds: number; seconds: number; progress: (line: string) => void }): Promise<CheckReport> {
  const { rounds, seconds, progress } = options;
  progress("starting a fabric, Cerbos and OPA");
  await using aegis = await startAegis();
  await using trivial = await startTrivial();
  const own = { aegis: aegis.target, "grpc-js, trivial": async () => trivial.of(await aegis.target()) };
  const load = { connections: 8, streams: 32, warmupMs: 1_000, measureMs: seconds * 1_000 };
  const measure = async (given: Load, placed?: typeof onServerCore) => {
    await using peers = await startPeers(placed);
    return await alternate<string>({ ...own, ...peers.targets }, { ...given, aCoreEach: placed !== undefined }, rounds, progress);
  };
  progress("warming up: code that has just been compiled is measured by nobody");
  await alternate<string>(own, { ...load, measureMs: 5_000 }, 1, () => undefined);
  progress("all share both cores");
  const shared = await measure(load);
  progress("a core for the server, another for its client and all else");
  const placed = await measure(load, onServerCore);
  const aCoreEach = rowsOf(placed);
  const rate = Math.floor(Math.min(...aCoreEach.map(({ perSecond }) => perSecond)) / 2);
  progress(`the same, all at ${rate}/s`);
  const equalLoad = rowsOf(await measure({ ...load, streams: 256, rate }, onServerCore));
  return {
    machine: machine(),
    load: `${load.connections} connections x ${load.streams} streams, closed loop, ${rounds} alternating rounds of ${seconds} s, medians`,
    ...{ aCoreEach, shared: rowsOf(shared), equalLoad, rate },
    parts: medianParts(shared.aegis ?? []),
    sustained: median((shared.aegis ?? []).map((one) => sustained(one, load))),
    disk: measureDisk(),
    goals: goalsOf(aCoreEach, equalLoad),
  };
}

/** Cerbos and, where there is one, OPA. */
async function startPeers(placed?: typeof onServerCore) {
  await using starting = new AsyncDisposableStack();
  const cerbos = starting.use(await startCerbos(placed));
  const opa = starting.use((await startOpa(placed)) ?? null);
  const started = starting.move();
  const targets: Record<string, () => Promise<Target>> = {
    [`cerbos ${cerbos.version}`]: async () => cerbos.target,
    ...(opa && { [`opa ${opa.version}`]: async () => opa.target }),
  };
  return { targets, [Symbol.asyncDispose]: () => started.disposeAsync() };
}

const rowsOf = (results: Readonly<Record<string, readonly RoundResult[]>>): Row[] =>
  Object.entries(results).map(([server, rounds]) => {
    const middle = (of: (one: RoundResult) => number) => median(rounds.map(of));
    const sum = (of: (one: RoundResult) => number) => rounds.reduce((total, one) => total + of(one), 0);
    return {
      server,
      perSecond: middle((one) => one.perSecond),
      ...{ p50: middle(({ p50 }) => p50), p99: middle(({ p99 }) => p99), p999: middle(({ p999 }) => p999) },
      cpuMicros: middle((one) => one.cpuMicros),
      ...{ refused: sum((one) => one.refused), wrong: sum((one) => one.wrong) },
    };
  });

function goalsOf(most: readonly Row[], equalLoad: readonly Row[]): Goal[] {
  const of = (rows: readonly Row[], server: string) => rows.find((row) => row.server.startsWith(server));
  const over = (rows: readonly Row[], server: string, what: (row: Row) => number) => {
    const [own, peer] = [of(rows, "aegis"), of(rows, server)];
    return own && peer ? what(own) / what(peer) : undefined;
  };
  const [cerbos, opa] = [over(most, "cerbos", (row) => row.perSecond), over(most, "opa", (row) => row.perSecond)];
  const latency = over(equalLoad, "cerbos", (row) => row.p99);
  const cpu = over(most, "grpc-js", (row) => row.cpuMicros);
  return [
    ...(cerbos === undefined ? [] : [atLeast("throughput over Cerbos', a core each", cerbos, 2, "x")]),
    ...(opa === undefined ? [] : [atLeast("throughput over OPA's, a core each", opa, 3, "x")]),
    ...(latency === undefined ? [] : [goal("p99 over Cerbos' at equal load", latency, 0.5, "x")]),
    ...(cpu === undefined ? [] : [goal("processor time for a decision over that for the trivial handler's answer", cpu, 2, "x")]),
    goal("refused or wrong at equal load", of(equalLoad, "aegis") ? refusedOrWrong(of(equalLoad, "aegis") as Row) : Number.NaN, 0, ""),
  ];
}

const refusedOrWrong = ({ refused, wrong }: Row) => refused + wrong;

const sustained = ({ total, settledMs = 0 }: RoundResult, { warmupMs, measureMs }: Load): number =>
  Math.round((total / (warmupMs + measureMs + settledMs)) * 1000);

function medianParts(rounds: readonly RoundResult[]): CpuByPart {
  const names = Object.keys(rounds[0]?.parts ?? {});
  const medians = names.map((name) => [name, median(rounds.map((one) => one.parts?.[name] ?? 0))] as const);
  return Object.fromEntries(medians.filter(([, micros]) => micros > 0).sort((a, b) => b[1] - a[1]));
}
