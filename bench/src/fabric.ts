import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { CheckRequestSchema } from "@aegis/contracts/aegis/authz/v1/authz";
import type { Endpoints } from "@aegis/contracts/endpoints";
import { create, toBinary } from "@bufbuild/protobuf";
import { cpuByPart, pidsOf, usedBetween } from "./parts.ts";
import type { Target } from "./rounds.ts";

const root = join(import.meta.dirname, "../..");

const parameters = `parameters:
            amount: { type: number, exclusive_min: 0, max: 5000 }
            currency: { enum: [USD, EUR] }
            recipient: { type: string, matches: "^acct_[a-z0-9]+$" }
            memo: { type: string, max_length: 200, optional: true }
`;

/** The same payment rule as the peers', with detectors and a budget and among 99 others, for an agent registered and holding a token. */
const policy = `apiVersion: aegis.dev/v1
kind: AgentPolicy
metadata: { name: finance }
spec:
  agents: [finance-agent]
  dlp:
    - { detect: [email, us_ssn, credit_card, iban], action: redact }
  limits:
    - { budget: daily, actions: 1000000000 }
  tools:
    - name: stripe-payments
      actions:
        - name: create_payment
          ${parameters}${Array.from({ length: 99 }, (_, other) => `        - name: other_${other}\n          ${parameters}`).join("")}`;

/** A whole fabric in a directory of its own. */
interface Fabric extends AsyncDisposable {
  readonly directory: string;
  readonly endpoints: Endpoints;
  /** Runs a command on it, for the tenant "bench"; the JSON it prints. */
  run<T>(...args: string[]): Promise<T>;
}

/** Starts a fabric with a policy in force and an agent registered; `more` goes to `aegis up`. */
export async function startFabric(...more: readonly string[]): Promise<Fabric> {
  const directory = await mkdtemp(join(tmpdir(), "aegis-bench-"));
  await aegis(["up", "--detach", "--ports", "auto", "--data-dir", directory, ...more]);
  const endpointsFile = join(directory, "endpoints.json");
  const endpoints = JSON.parse(await readFile(endpointsFile, "utf8")) as Endpoints;
  const file = join(directory, "bench-policy.yaml");
  await writeFile(file, policy);
  const run = async <T>(...args: string[]) =>
    JSON.parse(await aegis([...args, "--endpoints", endpointsFile, "--tenant", "bench", "--json"])) as T;
  await run("policy", "publish", file, "--wait");
  await run("agent", "register", "--agent", "finance-agent", "--owner", "bench@aegis.test", "--scope", "stripe-payments:*");
  return {
    ...{ directory, endpoints, run },
    [Symbol.asyncDispose]: async () => {
      await aegis(["down", "--data-dir", directory]);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Starts a whole fabric with everything on: durable spool, publishing, ledger, detectors, a budget. `more` goes to `aegis up`. */
export async function startAegis(...more: readonly string[]): Promise<
  AsyncDisposable & {
    target(): Promise<Target>;
    /** A metric of authz's first replica. */
    metric(name: string): Promise<number | undefined>;
  }
> {
  const fabric = await startFabric(...more);
  const { directory, endpoints, run } = fabric;
  return {
    async target() {
      // A token lives minutes; each round asks for its own.
      const issued = await run<{ access_token: string }>("token", "issue", "--agent", "finance-agent");
      return {
        pid: endpoints.replicas.authz[0]?.pid ?? 0,
        beside: endpoints.replicas.authz.slice(1).map(({ pid }) => pid),
        address: endpoints.authz.grpc,
        path: "/aegis.authz.v1.AuthorizationService/Check",
        message: checkRequest(issued.access_token),
        // Field 1, decision: allow.
        expect: "0801",
        whole: { cpu: () => cpuByPart(directory), settled: () => settled(endpoints, directory), pids: () => pidsOf(directory) },
      };
    },
    metric: (name) => metric(endpoints.authz.http, name),
    [Symbol.asyncDispose]: () => fabric[Symbol.asyncDispose](),
  };
}

/** Waits until the ledger has every event and nothing in the fabric is busy any more: what it owes must not be paid in a peer's round. */
async function settled({ audit }: Endpoints, directory: string): Promise<void> {
  for (let [quiet, before] = [0, await cpuByPart(directory)]; quiet < 2; ) {
    await pause(quietMs);
    const after = await cpuByPart(directory);
    const used = Object.values(usedBetween(before, after)).reduce((sum, micros) => sum + micros, 0);
    before = after;
    const lag = await metric(audit.http, "aegis_ledger_lag_messages");
    quiet = lag === 0 && used < 0.15 * quietMs * 1_000 ? quiet + 1 : 0;
  }
}

const quietMs = 400;

async function metric(http: string, name: string): Promise<number | undefined> {
  const line = (await (await fetch(`${http}/metrics`)).text())
    .split("\n")
    .find((one) => one.startsWith(`${name}{`) || one.startsWith(`${name} `));
  return line === undefined ? undefined : Number(/[}\w] (\S+)/.exec(line)?.[1]);
}

/** Starts the smallest gRPC server there can be, which answers the same request. */
export async function startTrivial(): Promise<AsyncDisposable & { of(target: Target): Target }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "trivial.ts")], { stdio: ["ignore", "pipe", "inherit"] });
  const [first] = (await once(child.stdout, "data")) as [Buffer];
  const address = `127.0.0.1:${first.toString().trim()}`;
  return {
    of: (target) => ({ ...target, pid: child.pid ?? 0, address }),
    [Symbol.asyncDispose]: async () => void child.kill(),
  };
}

/** Runs the CLI; gives what it wrote. */
export async function aegis(args: readonly string[]): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const child = spawn(join(root, "aegis"), args, { stdio: ["ignore", "pipe", "inherit"] });
  let stdout = "";
  child.stdout.on("data", (chunk) => {
    stdout += chunk;
  });
  child.on("exit", (code) =>
    setImmediate(() => (code === 0 ? resolve(stdout) : reject(new Error(`aegis ${args.join(" ")} exited ${code}`)))),
  );
  return promise;
}

function checkRequest(agentToken: string): string {
  const args = { amount: 4200, currency: "USD", recipient: "acct_ink", memo: "invoice 17" };
  const request = create(CheckRequestSchema, {
    agentToken,
    tool: "stripe-payments",
    action: "create_payment",
    args: { case: "argumentsJson", value: new TextEncoder().encode(JSON.stringify(args)) },
  });
  return Buffer.from(toBinary(CheckRequestSchema, request)).toString("base64");
}
