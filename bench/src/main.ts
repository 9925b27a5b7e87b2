import { parseArgs } from "node:util";
import { benchCheck } from "./check.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: "boolean", default: false },
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "5" },
    help: { type: "boolean", short: "h", default: false },
  },
});

const usage = `usage: aegis bench check [--rounds N] [--seconds N] [--json]

  check   throughput and latency of Check with everything on, beside Cerbos in the same run`;

if (values.help || positionals[0] !== "check") {
  console.error(usage);
  process.exitCode = values.help ? 0 : 2;
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
