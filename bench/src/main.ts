import { parseArgs } from "node:util";
import type { Machine } from "./machine.ts";
import { type BenchOptions, type Goal, goalsTable, table } from "./report.ts";

const usage = `usage: aegis bench <measurement> [--rounds N] [--seconds N] [--json]

  check    throughput and latency of Check with everything on, beside Cerbos and OPA in the same run
  overload 70 % of what authz can do, then three times as much as it can do, then 70 % again
  scale    one process of authz beside two behind one port, and the cores that so many decisions a second take
  engine   one decision in process beside cedar-wasm, casbin and opa-wasm, on the same three policies
  agents   10 to 100,000 agents: preparing, deciding, memory
  limits   what budgets and rates add to a call: lease hit, lease refill, synchronous reserve, rate
  token    issuing, delegating, verifying, and finding a token verified before
  dlp      all detectors on plain text, JSON and hostile text, 1 KiB to 1 MiB
  detectors  recall and precision of every detector on texts that others have labelled, fetched from package registries
  ledger   taking decisions into the ledger beside plain batched inserts of the same rows
  verify   recomputing a ledger beside hashing its bytes twice

Each runs in alternating rounds (5) and shows medians; --seconds is how long each part of a round takes (5 for check, 3 for token and scale, 2 for
limits, 600 in all for overload, else 1).`;

/** What a measurement gives besides its own figures. */
interface Report {
  readonly machine: Machine;
}

interface Measurement {
  readonly seconds: number;
  run(options: BenchOptions): Promise<{ readonly report: Report; readonly text: string }>;
}

const withGoals = (rows: readonly object[], goals: readonly Goal[], heading = "") =>
  [heading, table(rows), "", goalsTable(goals)].filter((part, index) => index > 0 || part !== "").join("\n");

const measurements: Readonly<Record<string, Measurement>> = {
  check: {
    seconds: 5,
    async run(options) {
      const { benchCheck } = await import("./check.ts");
      const report = await benchCheck(options);
      const rows = (of: typeof report.shared) =>
        of.map(({ server, perSecond, p50, p99, p999, cpuMicros, refused, wrong }) => ({
          ...{ server, "decisions/s": perSecond, "p50 ms": p50, "p99 ms": p99, "p99.9 ms": p999 },
          ...{ "CPU us each": cpuMicros, refused, wrong },
        }));
      const parts = Object.entries(report.parts).map(([part, micros]) => ({ part, "CPU us for a decision": micros }));
      const all = Object.values(report.parts).reduce((sum, micros) => sum + micros, 0);
      const text = [
        `${report.load}\n\nthe server on one core, the client and everything else on another:`,
        table(rows(report.aCoreEach)),
        `the same, all at ${report.rate}/s, open loop:`,
        table(rows(report.equalLoad)),
        `the disk's fdatasync alone: p50 ${report.disk.p50} ms, p99 ${report.disk.p99} ms`,
        "everything on both cores, the whole fabric included:",
        table(rows(report.shared)),
        table([...parts, { part: "together", "CPU us for a decision": all }]),
        `until the ledger had every event: ${report.sustained} decisions/s`,
        goalsTable(report.goals),
      ].join("\n\n");
      return { report, text };
    },
  },
  overload: {
    seconds: 600,
    async run(options) {
      const { benchOverload } = await import("./overload.ts");
      const report = await benchOverload(options);
      const rows = report.rows.map(({ phase, asked, answered, refused, p50, p99, p999, wrong, mebibytes }) => ({
        ...{ phase, "asked/s": asked, "let through/s": answered, "refused/s": refused },
        ...{ "p50 ms": p50, "p99 ms": p99, "p99.9 ms": p999, wrong, "MiB of authz": mebibytes },
      }));
      return { report, text: withGoals(rows, report.goals, "authz on one core, client and everything else on another\n") };
    },
  },
  scale: {
    seconds: 3,
    async run(options) {
      const { benchScale } = await import("./scale.ts");
      const report = await benchScale(options);
      const rows = report.rows.map(({ processes, perSecond, p99, authzMicros, fabricMicros, refused, wrong }) => ({
        ...{ processes, "decisions/s": perSecond, "p99 ms": p99 },
        ...{ "CPU us of authz": authzMicros, "of the whole fabric": fabricMicros, refused, wrong },
      }));
      const cores = report.cores.map(({ perSecond, authz, fabric }) => {
        return { "decisions/s": perSecond, "cores of authz": authz, "of the whole fabric": fabric };
      });
      return { report, text: [table(rows), table(cores), goalsTable(report.goals)].join("\n\n") };
    },
  },
  engine: {
    seconds: 1,
    async run(options) {
      const { benchEngine } = await import("./engine.ts");
      const report = await benchEngine(options);
      const versions = Object.entries(report.versions).map(([engine, version]) => `${engine} ${version}`);
      const rows = report.rows.map(({ policy, engine, micros, p50, p99, ratio }) => ({
        policy,
        engine,
        "CPU us each": micros,
        "p50 us": p50,
        "p99 us": p99,
        "over aegis": ratio,
      }));
      return { report, text: withGoals(rows, report.goals, `${versions.join(", ")}; ${report.rounds} alternating rounds, medians\n`) };
    },
  },
  agents: {
    seconds: 1,
    async run(options) {
      const { benchAgents } = await import("./agents.ts");
      const report = benchAgents(options);
      const rows = report.rows.map(({ agents, prepareMs, hotMicros, allMicros, ratio, megabytesPer10000 }) => ({
        agents,
        "prepare ms": prepareMs,
        "CPU us each, ten agents": hotMicros,
        "CPU us each, all agents": allMicros,
        "over 10 agents": ratio,
        "MB per 10,000": megabytesPer10000,
      }));
      return { report, text: withGoals(rows, report.goals) };
    },
  },
  limits: {
    seconds: 2,
    async run(options) {
      const { benchLimits } = await import("./limits.ts");
      const report = await benchLimits(options);
      const rows = report.rows.map(({ what, p50, p99, more, authzMicros, budgetMicros }) => ({
        "a call with": what,
        "p50 ms": p50,
        "p99 ms": p99,
        "more ms": more,
        "CPU us of authz": authzMicros,
        "CPU us of budget": budgetMicros,
      }));
      return { report, text: table(rows) };
    },
  },
  token: {
    seconds: 3,
    async run(options) {
      const { benchToken } = await import("./token.ts");
      const report = await benchToken(options);
      const rows = report.rows.map(({ what, perSecond, p50, p99, cpuMicros }) => ({
        what,
        "per second": perSecond,
        "p50 ms": p50,
        "p99 ms": p99,
        "CPU us each": cpuMicros,
      }));
      return { report, text: table(rows) };
    },
  },
  dlp: {
    seconds: 1,
    async run(options) {
      const { benchDlp } = await import("./dlp.ts");
      const report = benchDlp(options);
      const rows = report.rows.map(({ text, kib, found, microsPerKib, growth }) => ({
        text,
        KiB: kib,
        found,
        "CPU us per KiB": microsPerKib,
        "over 16 KiB": growth,
      }));
      return { report, text: withGoals(rows, report.goals) };
    },
  },
  detectors: {
    seconds: 1,
    async run(options) {
      const { benchDetectors } = await import("./detectors.ts");
      const report = await benchDetectors(options);
      const rows = report.rows.map(({ detector, source, labelled, found, wrong, leftOut }) => {
        return { detector, source, labelled, found, wrong, "left out": leftOut };
      });
      return { report, text: withGoals(rows, report.goals, `${report.texts} texts\n`) };
    },
  },
  ledger: {
    seconds: 2,
    async run(options) {
      const { benchLedger } = await import("./ledger.ts");
      const report = await benchLedger(options);
      const rows = report.rows.map(({ round, what, entries, perSecond, auditMicros, postgresMicros }) => ({
        ...{ round, what, entries, "rows/s": perSecond },
        ...{ "CPU us each, audit": auditMicros, "CPU us each, PostgreSQL": postgresMicros },
      }));
      return { report, text: withGoals(rows, report.goals) };
    },
  },
  verify: {
    seconds: 1,
    async run(options) {
      const { benchVerify } = await import("./verify.ts");
      const report = await benchVerify(options);
      const rows = report.rows.map(({ what, entries, megabytes, micros, perSecond }) => ({
        what,
        entries,
        MB: megabytes,
        "us an entry": micros,
        "entries/s": perSecond,
      }));
      return { report, text: withGoals(rows, report.goals) };
    },
  },
};

/** The command line, or the sentence that says what is wrong with it. */
function commandLine() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        json: { type: "boolean", default: false },
        rounds: { type: "string", default: "5" },
        seconds: { type: "string" },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    const [name = "", ...more] = positionals;
    const measurement = Object.hasOwn(measurements, name) ? measurements[name] : undefined;
    const { rounds, seconds = String(measurement?.seconds ?? 1) } = values;
    const wrong = Object.entries({ rounds, seconds }).find(([, value]) => !(Number(value) > 0));
    if (wrong !== undefined) return `--${wrong[0]} ${wrong[1]}: write a number above 0`;
    if (values.help) return { help: true as const };
    if (name === "") return "say what to measure";
    if (measurement === undefined) return `there is no measurement "${name}"`;
    if (more.length > 0) return `one measurement at a time: leave out "${more.join(" ")}"`;
    return { help: false as const, measurement, json: values.json, rounds: Number(rounds), seconds: Number(seconds) };
  } catch (caught) {
    // parseArgs throws nothing but what is wrong with the arguments; its first sentence names it.
    return (caught as Error).message.replace(/\. .*$/s, "");
  }
}

const given = commandLine();
if (typeof given === "string") {
  console.error(`aegis: ${given}\n${usage}`);
  if (process.argv.includes("--json")) console.log(JSON.stringify({ error: { message: given } }));
  process.exitCode = 2;
} else if (given.help) {
  console.error(usage);
} else {
  const { rounds, seconds, measurement, json } = given;
  const { report, text } = await measurement.run({ rounds, seconds, progress: (line) => console.error(line) });
  const { cpu, cores, memoryGiB, kernel, node } = report.machine;
  console.log(json ? JSON.stringify(report) : `${cpu}, ${cores} cores, ${memoryGiB} GiB, Linux ${kernel}, Node ${node}\n${text}`);
}
