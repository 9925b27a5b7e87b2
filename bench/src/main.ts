import { parseArgs } from "node:util";
import { benchCheck } from "./check.ts";

const usage = `usage: aegis bench check [--rounds N] [--seconds N] [--json]

  check   throughput and latency of Check with everything on, beside Cerbos in the same run`;

/** The command line, or the sentence that says what is wrong with it. */
function commandLine() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        json: { type: "boolean", default: false },
        rounds: { type: "string", default: "5" },
        seconds: { type: "string", default: "5" },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    const wrong = (["rounds", "seconds"] as const).find((name) => !(Number(values[name]) > 0));
    if (wrong !== undefined) return `--${wrong} ${values[wrong]}: write a number above 0`;
    if (values.help || positionals[0] === "check") return values;
    return positionals[0] === undefined ? "say what to measure" : `there is no measurement "${positionals[0]}"`;
  } catch (caught) {
    // parseArgs throws nothing but what is wrong with the arguments; its first sentence names it.
    return (caught as Error).message.replace(/\. .*$/s, "");
  }
}

const values = commandLine();
if (typeof values === "string") {
  console.error(`aegis: ${values}\n${usage}`);
  if (process.argv.includes("--json")) console.log(JSON.stringify({ error: { message: values } }));
  process.exitCode = 2;
} else if (values.help) {
  console.error(usage);
} else {
  const report = await benchCheck({
    rounds: Number(values.rounds),
    seconds: Number(values.seconds),
    progress: (line) => console.error(line),
  });
  if (values.json) console.log(JSON.stringify(report));
  else {
    const { cpu, cores, memoryGiB, kernel, node } = report.machine;
    console.log(`${cpu}, ${cores} cores, ${memoryGiB} GiB, Linux ${kernel}, Node ${node}\n${report.load}\n`);
    console.log(`| server | decisions/s | p50 ms | p99 ms | CPU us each | wrong |\n|---|---|---|---|---|---|`);
    for (const row of report.rows)
      console.log(`| ${row.server} | ${row.perSecond} | ${row.p50.toFixed(1)} | ${row.p99.toFixed(1)} | ${row.cpuMicros} | ${row.wrong} |`);
    console.log(
      `\nthroughput over Cerbos: ${report.ratio}\nCPU of authz for a decision over the trivial handler's for an answer: ${report.cpuRatio}`,
    );
  }
}
