import type { Endpoints } from "@aegis/contracts/endpoints";
import { type Command, Option } from "commander";
import { action } from "../context.ts";
import { type DataDirectory, dataDirectory } from "../fabric/data-directory.ts";
import { prepareDataDirectory } from "../fabric/data-space.ts";
import { startDetached } from "../fabric/detach.ts";
import type { AuthzProcesses } from "../fabric/ports.ts";
import { runningRecord } from "../fabric/record.ts";
import { fabricStatus } from "../fabric/status.ts";
import { stopFabric } from "../fabric/stop-fabric.ts";
import { usage } from "../failure.ts";
import { readJson } from "../files.ts";
import { type Output, table } from "../output.ts";
import { summaries } from "./summaries.ts";

interface UpOptions {
  ports: "fixed" | "auto";
  detach?: boolean;
  replicas?: string;
  workers?: string;
  logLevel: string;
  supervised?: boolean;
}

/** `aegis up`, `down`, `status`: the fabric's processes. */
export function fabricCommands(program: Command): void {
  program
    .command("up")
    .description(summaries.up)
    .addOption(
      new Option("--ports <how>", "fixed: the documented ports; auto: any that are free").choices(["fixed", "auto"]).default("fixed"),
    )
    .option("--detach", "return once everything is ready and leave it running")
    .option("--replicas <service=n>", "how many processes of authz, each with ports of its own, e.g. authz=3")
    .option("--workers <n>", "how many processes of authz behind one gRPC port, which shares its connections out among them")
    .addOption(new Option("--log-level <level>", "what services log").choices(["trace", "debug", "info", "warn", "error"]).default("info"))
    .addOption(new Option("--supervised").hideHelp())
    .action(action<UpOptions, []>((context, options) => up(context.output, dataDirectory(context.dataDirectory), options)));
  program
    .command("down")
    .description(summaries.down)
    .action(
      action(async (context) => {
        const stopped = await stopFabric(dataDirectory(context.dataDirectory));
        const text = stopped.length === 0 ? "nothing was running" : `stopped ${stopped.length} processes`;
        context.output.result({ stopped }, () => text);
      }),
    );
  program
    .command("status")
    .description(summaries.status)
    .action(
      action(async (context) => {
        const status = await fabricStatus(dataDirectory(context.dataDirectory), context.namedEndpoints);
        context.output.result(status.document, () =>
          table(
            ["process", "pid", "health", "restarts", "address"],
            status.processes.map((one) => [one.name, one.pid, one.health, one.restarts, one.url]),
          ),
        );
        return status.healthy ? 0 : 1;
      }),
    );
}

async function up(output: Output, directory: DataDirectory, options: UpOptions): Promise<number> {
  const authz = authzProcesses(options);
  const running = await runningRecord(directory);
  const known = running && (await readJson<Endpoints>(directory.endpoints));
  if (known) {
    output.progress(`already running in ${directory.root}`);
    show(output, known, directory);
    return 0;
  }
  await prepareDataDirectory(directory.root);
  const run = { directory, ports: options.ports, authz, logLevel: options.logLevel };
  if (!options.detach) {
    // Loaded only here: most commands need no servers.
    const { foreground } = await import("../fabric/foreground.ts");
    return foreground({ ...run, output, supervised: options.supervised === true, show: (endpoints) => show(output, endpoints, directory) });
  }
  const commandLine = [
    "up",
    "--supervised",
    "--data-dir",
    directory.root,
    "--ports",
    run.ports,
    ...(authz.onePort ? ["--workers", String(authz.count)] : ["--replicas", `authz=${authz.count}`]),
    "--log-level",
    run.logLevel,
  ];
  await startDetached(directory, commandLine, (text) => output.progress(text));
  show(output, (await readJson<Endpoints>(directory.endpoints)) as Endpoints, directory);
  return 0;
}

function authzProcesses({ replicas: text, workers }: UpOptions): AuthzProcesses {
  if (workers !== undefined) {
    if (text !== undefined) throw usage("--workers and --replicas: name one of the two");
    if (!/^[1-9]$/.test(workers)) throw usage(`--workers ${workers}: write a number from 1 to 9`);
    return { count: Number(workers), onePort: true };
  }
  if (text === undefined) return { count: 1, onePort: false };
  const count = Number(/^authz=(\d+)$/.exec(text)?.[1]);
  if (!(count >= 1 && count <= 9)) throw usage(`--replicas ${text}: write authz=N with N from 1 to 9 (the other services run once)`);
  return { count, onePort: false };
}

function show(output: Output, endpoints: Endpoints, directory: DataDirectory): void {
  output.result(endpoints, () => {
    const { authz, token, approvals, budget, audit, replicas } = endpoints;
    return table(
      ["service", "http", "grpc"],
      [
        ...replicas.authz.map((replica, index) => [`authz${replicas.authz.length > 1 ? `-${index}` : ""}`, replica.http, replica.grpc]),
        ...(replicas.authz.length === 0 ? [["authz", authz.http, authz.grpc]] : []),
        ["token", token.http],
        ["policy-compiler", endpoints["policy-compiler"].http],
        ["approvals", approvals.http, approvals.grpc],
        ["budget", budget.http, budget.grpc],
        ["audit", audit.http],
        ["issuer", endpoints.issuer],
        ["nats", endpoints.nats],
        ["postgres", endpoints.postgres.replace(/:[^:@/]*@/, "@")],
        ["", `all of it in ${directory.endpoints}`],
      ],
    );
  });
}
