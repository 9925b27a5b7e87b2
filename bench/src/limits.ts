import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CheckRequestSchema, CheckResponseSchema, Decision } from "@aegis/contracts/aegis/authz/v1/authz";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Client, credentials } from "@grpc/grpc-js";
import { build } from "hdr-histogram-js";
import { cpuMicros } from "./cpu.ts";
import { startFabric } from "./fabric.ts";
import { type Machine, machine } from "./machine.ts";
import type { BenchOptions } from "./report.ts";
import { median } from "./rounds.ts";

interface Row {
  readonly what: string;
  /** Milliseconds of one Check, one after the other. */
  readonly p50: number;
  readonly p99: number;
  /** p50 over that of a call without limits, in milliseconds. */
  readonly more: number;
  /** Processor time of authz and of budget for one call, in microseconds. */
  readonly authzMicros: number;
  readonly budgetMicros: number;
}

export interface LimitsReport {
  readonly machine: Machine;
  readonly rounds: number;
  readonly rows: readonly Row[];
}

/** Each agent's limit makes its calls go one of the ways. */
const ways = {
  "no limit": { agent: "free-agent", limits: "" },
  "lease hit": { agent: "leased-agent", limits: "{ budget: daily, tokens: 1000000000 }" },
  "lease refill (a new account each call)": { agent: "fresh-agent", limits: "{ budget: prompt, actions: 1000 }" },
  "synchronous reserve (less than 5 % left)": { agent: "scarce-agent", limits: "{ budget: daily, tokens: 1000000000 }" },
  "rate (asked for each call)": { agent: "paced-agent", limits: "{ rate: 100000000/s }" },
} as const;
type Way = keyof typeof ways;

const policyOf = ({ agent, limits }: (typeof ways)[Way]) => `apiVersion: aegis.dev/v1
kind: AgentPolicy
metadata: { name: ${agent} }
spec:
  agents: [${agent}]
${limits === "" ? "" : `  limits: [${limits}]\n`}  tools:
    - { name: stripe-payments, actions: [{ name: create_payment, additional_parameters: allow, cost: { tokens: 1 } }] }
`;

/** What limits add to a call on its way: one call after the other, each kind in turn, medians of the rounds. */
export async function benchLimits({ rounds, seconds, progress }: BenchOptions): Promise<LimitsReport> {
  await using fabric = await startFabric();
  const { endpoints, directory, run } = fabric;
  const file = join(directory, "limits.yaml");
  await writeFile(file, Object.values(ways).map(policyOf).join("---\n"));
  await run("policy", "publish", file, "--wait");
  for (const { agent } of Object.values(ways))
    await run("agent", "register", "--agent", agent, "--owner", "bench@aegis.test", "--scope", "stripe-payments:*");
  await run("budget", "usage", "used-up", "--agent", "scarce-agent", "--tokens", "960000000");
  const pids = { authz: endpoints.replicas.authz[0]?.pid ?? 0, budget: (await run<{ budget: { pid: number } }>("status")).budget.pid };
  const client = new Client(endpoints.authz.grpc, credentials.createInsecure());
  const found = new Map<Way, Omit<Row, "what" | "more">[]>();
  for (let round = 1; round <= rounds; round++) {
    for (const way of Object.keys(ways) as Way[]) {
      progress(`round ${round}/${rounds}: ${way}`);
      const { access_token: token } = await run<{ access_token: string }>("token", "issue", "--agent", ways[way].agent);
      const fresh = ways[way].limits.includes("prompt");
      found.set(way, [...(found.get(way) ?? []), await measure(client, token, { fresh, seconds, pids })]);
    }
  }
  client.close();
  const middle = (way: Way, of: keyof Omit<Row, "what" | "more">) => median((found.get(way) ?? []).map((one) => one[of]));
  const rows = (Object.keys(ways) as Way[]).map((way) => ({
    what: way,
    p50: middle(way, "p50"),
    p99: middle(way, "p99"),
    more: middle(way, "p50") - middle("no limit", "p50"),
    authzMicros: middle(way, "authzMicros"),
    budgetMicros: middle(way, "budgetMicros"),
  }));
  return { machine: machine(), rounds, rows };
}

interface Measuring {
  readonly fresh: boolean;
  readonly seconds: number;
  readonly pids: { readonly authz: number; readonly budget: number };
}

async function measure(client: Client, token: string, { fresh, seconds, pids }: Measuring): Promise<Omit<Row, "what" | "more">> {
  const check = async () => {
    const promptId = fresh ? randomUUID() : "bench";
    const answer = await ask(client, token, promptId);
    if (answer.decision !== Decision.ALLOW) throw new Error(`not allowed: ${answer.reasons[0]?.message}`);
  };
  for (let call = 0; call < 100; call++) await check();
  const times = build({ lowestDiscernibleValue: 1, highestTrackableValue: 60_000_000, numberOfSignificantValueDigits: 3 });
  const before = { authz: used(pids.authz), budget: used(pids.budget) };
  const until = performance.now() + seconds * 1_000;
  let calls = 0;
  for (; performance.now() < until; calls++) {
    const asked = performance.now();
    await check();
    times.recordValue(Math.max(1, Math.round((performance.now() - asked) * 1_000)));
  }
  return {
    p50: times.getValueAtPercentile(50) / 1_000,
    p99: times.getValueAtPercentile(99) / 1_000,
    authzMicros: (used(pids.authz) - before.authz) / calls,
    budgetMicros: (used(pids.budget) - before.budget) / calls,
  };
}

/** 0 where the system does not say. */
const used = (pid: number): number => cpuMicros(pid) ?? 0;

const ask = (client: Client, agentToken: string, promptId: string) =>
  new Promise<ReturnType<typeof decode>>((resolve, reject) => {
    const value = new TextEncoder().encode('{"amount":10}');
    const args = { case: "argumentsJson" as const, value };
    const request = create(CheckRequestSchema, {
      agentToken,
      tool: "stripe-payments",
      action: "create_payment",
      args,
      context: { promptId },
    });
    client.makeUnaryRequest(
      "/aegis.authz.v1.AuthorizationService/Check",
      (bytes: Uint8Array) => Buffer.from(bytes),
      decode,
      toBinary(CheckRequestSchema, request),
      (error, answer) => (answer === undefined ? reject(error) : resolve(answer)),
    );
  });

const decode = (bytes: Buffer) => fromBinary(CheckResponseSchema, bytes);
