import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Decision } from "@aegis/contracts/aegis/authz/v1/authz";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Caller, callAuthz, isAllowed } from "../src/caller.ts";
import { attach, type Fabric, startFabric } from "../src/fabric.ts";
import { type Tenant, tenantOn } from "../src/tenant.ts";

/** `AEGIS_DRILL_KILLS=50 AEGIS_DRILL_RATE=2000` is the long form; `AEGIS_DRILL_FABRIC` a fabric with three replicas that runs already. */
const trials = Number(process.env.AEGIS_DRILL_KILLS ?? 2);
const trialsWithoutNats = Math.max(1, Math.round(trials / 5));
/** Checks a second, over all replicas. */
const rate = Number(process.env.AEGIS_DRILL_RATE ?? 150);
const replicas = 3;
const lanesPerReplica = 8;

const started = new AsyncDisposableStack();
let fabric: Fabric;
let tenant: Tenant;

beforeAll(async () => {
  const running = process.env.AEGIS_DRILL_FABRIC;
  const none = { [Symbol.asyncDispose]: async () => {} };
  fabric =
    running === undefined ? started.use(await startFabric("--replicas", `authz=${replicas}`)) : { ...(await attach(running)), ...none };
  expect(fabric.endpoints.replicas.authz).toHaveLength(replicas);
  tenant = tenantOn(fabric, "kill");
  await tenant.publish(payments);
});
afterAll(() => started.disposeAsync());

const payments = `apiVersion: aegis.dev/v1
kind: AgentPolicy
metadata: { name: payments }
spec:
  agents: ["*"]
  delegation: { accept_from: ["*"], max_depth: 3 }
  tools:
    - name: stripe-payments
      actions:
        - name: create_payment
          parameters:
            amount: { type: number, max: 5000 }
            currency: { enum: [USD] }
            recipient: { type: string, matches: "^acct_[a-z]+$" }
`;

/** What `aegis … revoke --json` prints. */
interface Stopped {
  readonly confirmed: number;
  readonly tookMs?: number;
  readonly orderedAt: string;
  readonly replicas: readonly { readonly replica: string; readonly how?: string }[];
}

interface Family {
  readonly names: readonly string[];
  readonly tokens: readonly string[];
}

/** A parent, a child that acts for it and a grandchild, each with a token of its own. */
async function family(trial: string): Promise<Family> {
  const names = ["parent", "child", "grandchild"].map((who) => `${who}-${trial}`);
  const tokens: string[] = [];
  for (const [index, agent] of names.entries()) {
    await tenant.register(agent, ...(index === 0 ? [] : ["--may-act", names[index - 1]!]));
    const above = tokens.at(-1);
    const how = above === undefined ? ["issue"] : ["exchange", "--subject-token", above];
    tokens.push(await tokenFor(agent, how));
  }
  return { names, tokens };
}

/** On a busy machine the budget service may be too late to say whether a prompt may go on: then it is asked again. */
async function tokenFor(agent: string, how: readonly string[], tries = 5): Promise<string> {
  const asked = tenant.cli.json<{ access_token: string }>(["token", ...how, "--tenant", tenant.name, "--agent", agent]);
  return asked.then(
    (issued) => issued.access_token,
    (error: Error) => {
      if (tries === 1 || !error.message.includes("deadline_exceeded")) throw error;
      return tokenFor(agent, how, tries - 1);
    },
  );
}

/** Asks every replica for every member of the family at the given rate, and notes when each call that was allowed had been asked. */
function load({ tokens }: Family, callsPerSecond: number) {
  using made = new DisposableStack();
  const callers = fabric.endpoints.replicas.authz.flatMap(({ grpc }) => tokens.map((token) => made.use(callAuthz(grpc, token))));
  const lanes = replicas * lanesPerReplica;
  const everyMs = (1_000 * lanes) / callsPerSecond;
  const seen = { asked: 0, allowed: 0, lastAllowAsked: 0, failed: 0 };
  let stopped = false;
  const lane = async (offset: number) => {
    const from = performance.now();
    for (let call = 0; !stopped; call++) {
      await delay(Math.max(0, from + call * everyMs - performance.now()));
      const asked = performance.now();
      seen.asked++;
      const answer = await pay(callers[(offset + call) % callers.length]!).catch(() => undefined);
      if (answer === undefined) seen.failed++;
      else if (isAllowed(answer)) {
        seen.allowed++;
        seen.lastAllowAsked = Math.max(seen.lastAllowAsked, asked);
      }
    }
  };
  const running = Array.from({ length: lanes }, (_, index) => lane(index));
  const owned = made.move();
  return {
    seen,
    callers,
    async stop() {
      stopped = true;
      await Promise.all(running);
      owned.dispose();
    },
  };
}

const pay = (caller: Caller) => caller.pay(10);

/** Whether every replica refuses every member of the family, for being revoked. */
async function allRefused(callers: readonly Caller[]): Promise<boolean> {
  const answers = await Promise.all(callers.map(pay));
  return answers.every(({ decision, reasons }) => decision === Decision.DENY && reasons.some(({ code }) => code === "agent_revoked"));
}

async function mintsNothing({ names: [parent = "", child = ""], tokens: [token = ""] }: Family): Promise<void> {
  const own = await tenant.cli.run("token", "issue", "--tenant", tenant.name, "--agent", parent);
  expect([own.code, own.stderr]).toEqual([1, expect.stringContaining("revoked")]);
  const below = await tenant.cli.run("token", "exchange", "--tenant", tenant.name, "--agent", child, "--subject-token", token);
  expect([below.code, below.stderr]).toEqual([1, expect.stringContaining("revoked")]);
}

/** The supervisor of the fabric, and NATS. */
async function pids(): Promise<{ supervisor: number; nats: number }> {
  const record = JSON.parse(await readFile(join(fabric.dataDirectory, "run", "record.json"), "utf8")) as {
    supervisor: { pid: number };
    parts: { name: string; process?: { pid: number } }[];
  };
  const nats = record.parts.find(({ name }) => name === "nats")?.process?.pid;
  if (nats === undefined) throw new Error("the fabric has no NATS");
  return { supervisor: record.supervisor.pid, nats };
}

const percentile = (values: readonly number[], percent: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor((values.length * percent) / 100))] ?? 0;
const figures = (values: readonly number[]): string =>
  `p50 ${percentile(values, 50).toFixed(0)} ms, p99 ${percentile(values, 99).toFixed(0)} ms, most ${Math.max(...values).toFixed(0)} ms`;

/** One kill under load: how long after the command was entered, and after token had it, the last call was asked that was still allowed. */
async function kill(trial: string): Promise<{ lastAllowMs: number; afterOrderMs: number; told: Stopped }> {
  const kin = await family(trial);
  const running = load(kin, rate);
  try {
    await expect.poll(() => running.seen.allowed, { timeout: 60_000, interval: 20 }).toBeGreaterThan(replicas * lanesPerReplica * 2);
    const entered = performance.now();
    const told = await tenant.cli.json<Stopped>(["agent", "revoke", kin.names[0]!, "--tenant", tenant.name], "any");
    await expect.poll(() => allRefused(running.callers), { timeout: 60_000, interval: 100 }).toBe(true);
    const after = running.seen.asked;
    await expect.poll(() => running.seen.asked, { timeout: 60_000, interval: 20 }).toBeGreaterThan(after + running.callers.length);
    await mintsNothing(kin);
    const ordered = Date.parse(told.orderedAt) - (Date.now() - performance.now());
    const since = (from: number) => Math.max(0, running.seen.lastAllowAsked - from);
    return { lastAllowMs: since(entered), afterOrderMs: since(ordered), told };
  } finally {
    await running.stop();
  }
}

test(`the kill switch under ${rate} checks/s on three replicas: the last allow after the command, ${trials} times`, {
  timeout: 60_000 * trials + 120_000,
}, async () => {
  const last: number[] = [];
  const afterOrder: number[] = [];
  const took: number[] = [];
  for (let trial = 0; trial < trials; trial++) {
    const { lastAllowMs, afterOrderMs, told } = await kill(`t${trial}`);
    last.push(lastAllowMs);
    afterOrder.push(afterOrderMs);
    took.push(told.tookMs ?? Number.NaN);
    expect([told.confirmed, told.replicas.map(({ how }) => how)]).toEqual([replicas, ["push", "push", "push"]]);
  }
  console.log(`each, in ms: ${last.map((ms) => ms.toFixed(0)).join(" ")}`);
  console.log(
    `kill switch, ${trials} times under ${rate} checks/s on ${replicas} replicas\n` +
      `command → last call asked that was allowed (with the CLI's own start): ${figures(last)}\n` +
      `order received → last call asked that was allowed: ${figures(afterOrder)}\n` +
      `order received → every replica confirmed: ${figures(took)}`,
  );
});

test("the same with NATS down: replicas learn it from the snapshot they poll", {
  timeout: 60_000 * trialsWithoutNats + 180_000,
}, async () => {
  const families = await Promise.all(Array.from({ length: trialsWithoutNats }, (_, trial) => family(`n${trial}`)));
  // The supervisor would bring it back.
  const { supervisor, nats } = await pids();
  process.kill(supervisor, "SIGSTOP");
  process.kill(nats, "SIGKILL");
  const last: number[] = [];
  try {
    for (const kin of families) {
      const running = load(kin, rate);
      try {
        await expect.poll(() => running.seen.allowed, { timeout: 60_000, interval: 20 }).toBeGreaterThan(0);
        const entered = performance.now();
        await tenant.cli.json<Stopped>(["agent", "revoke", kin.names[0]!, "--tenant", tenant.name], "any");
        await expect.poll(() => allRefused(running.callers), { timeout: 120_000, interval: 100 }).toBe(true);
        last.push(Math.max(0, running.seen.lastAllowAsked - entered));
      } finally {
        await running.stop();
      }
    }
  } finally {
    process.kill(supervisor, "SIGCONT");
  }
  console.log(`kill switch with NATS down, ${trialsWithoutNats} times: command → last call asked that was allowed: ${figures(last)}`);
});
