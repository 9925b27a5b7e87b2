import { setTimeout as delay } from "node:timers/promises";
import { type CheckResponse, Decision } from "@aegis/contracts/aegis/authz/v1/authz";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Caller, callAuthz } from "../src/caller.ts";
import { type Fabric, startFabric } from "../src/fabric.ts";
import { type PublishedRevision, type Publisher, publisherOf } from "../src/publisher.ts";
import { type Tenant, tenantOn } from "../src/tenant.ts";

/** `AEGIS_DRILL_PUBLISHES=1000` is the long form. */
const publishes = Number(process.env.AEGIS_DRILL_PUBLISHES ?? 40);
const barriers = Math.max(10, Math.round(publishes / 10));
const replicas = 3;
const lanesPerReplica = 2;
/** Checks a second, over all replicas: a load that leaves the machine room, so that the figures are not those of its queues. */
const rate = Number(process.env.AEGIS_DRILL_RATE ?? 150);
/** Amounts in use: revision r allows just `marker(r)`, in each of two policies. */
const markers = 16;

const started = new AsyncDisposableStack();
let fabric: Fabric;
let tenant: Tenant;
let publisher: Publisher;
let callers: Caller[];

const marker = (revision: number): number => revision % markers;

/**
 * Two policies that both decide every call and change together: a revision either allows a call, or refuses it twice. Once means that
 * one policy was of another revision than the other.
 */
const documents = (revision: number): string =>
  ["first", "second"]
    .map(
      (name) => `apiVersion: aegis.dev/v1
kind: AgentPolicy
metadata: { name: ${name} }
spec:
  agents: [${name === "first" ? "finance-agent" : '"finance-*"'}]
  tools:
    - name: stripe-payments
      actions:
        - name: create_payment
          parameters:
            amount: { enum: [${marker(revision)}] }
            currency: { enum: [USD, EUR, R${revision}] }
            recipient: { type: string, matches: "^acct_[a-z0-9]+$" }
`,
    )
    .join("---\n");

beforeAll(async () => {
  fabric = started.use(await startFabric("--replicas", `authz=${replicas}`));
  tenant = tenantOn(fabric, "publish");
  publisher = await publisherOf(tenant);
  await tenant.register("finance-agent");
  const { revision } = await publisher.publish(documents(1));
  expect([revision, await publisher.enforced(revision)]).toEqual([1, replicas]);
});
afterAll(() => started.disposeAsync());

/** Calls every replica without a pause, until stopped, and judges each answer by the revision that it says decided it. */
async function load() {
  const digests = new Map<string, string>();
  const seen = new Set<string>();
  const wrong: string[] = [];
  let answered = 0;
  let failed = 0;
  let stopped = false;
  let token = "";
  const issue = async () => {
    const issued = await tenant.cli.json<{ access_token: string }>(["token", "issue", "--tenant", tenant.name, "--agent", "finance-agent"]);
    token = issued.access_token;
    callers = fabric.endpoints.replicas.authz.map((replica) => started.use(callAuthz(replica.grpc, token)));
  };
  await issue();
  const judge = (amount: number, { decision, reasons, policyVersion, snapshotDigest }: CheckResponse) => {
    const revision = Number.parseInt(policyVersion, 10);
    const known = digests.get(policyVersion) ?? snapshotDigest;
    digests.set(policyVersion, known);
    seen.add(policyVersion);
    const allowed = amount === marker(revision);
    const refusals = reasons.filter(({ code }) => code === "parameter_not_in_set").length;
    const right = allowed ? decision === Decision.ALLOW : decision === Decision.DENY && refusals === 2;
    if (!right || known !== snapshotDigest)
      wrong.push(`${amount} by ${policyVersion}: decision ${decision} ${reasons.map(({ code, rule }) => `${code} ${rule}`).join(", ")}`);
  };
  const everyMs = (1_000 * replicas * lanesPerReplica) / rate;
  const lane = async (replica: number, offset: number) => {
    const from = performance.now();
    for (let call = offset; !stopped; call++) {
      const amount = call % markers;
      await delay(Math.max(0, from + (call - offset) * everyMs - performance.now()));
      try {
        judge(amount, await callers[replica]!.pay(amount));
        answered++;
      } catch (error) {
        failed++;
        wrong.push(String(error));
      }
    }
  };
  const lanes = Array.from({ length: replicas * lanesPerReplica }, (_, index) => lane(index % replicas, index * 7));
  // A token lives five minutes.
  const renewal = setInterval(() => void issue(), 120_000);
  return {
    async stop() {
      stopped = true;
      clearInterval(renewal);
      await Promise.all(lanes);
      return { answered, failed, wrong, revisionsSeen: seen.size };
    },
  };
}

const percentile = (sorted: readonly number[], percent: number) =>
  sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] ?? 0;
const figures = (values: readonly number[]) => {
  const sorted = [...values].sort((a, b) => a - b);
  return `p50 ${percentile(sorted, 50).toFixed(1)} ms, p99 ${percentile(sorted, 99).toFixed(1)} ms, most ${(sorted.at(-1) ?? 0).toFixed(1)} ms`;
};

test(`${publishes} publishes under load: no call fails, none is decided by two revisions at once`, { timeout: 1_200_000 }, async () => {
  const running = await load();
  const stored: number[] = [];
  const enforced: number[] = [];
  for (let count = 0; count < publishes; count++) {
    const asked = performance.now();
    const { revision } = await publisher.publish(documents(count + 2));
    stored.push(performance.now() - asked);
    expect(await publisher.enforced(revision)).toBe(replicas);
    enforced.push(performance.now() - asked);
  }
  const { answered, failed, wrong, revisionsSeen } = await running.stop();
  console.log(
    `${publishes} publishes, ${replicas} replicas, ${answered} checks decided by ${revisionsSeen} revisions: ${failed} failed, ${wrong.length} mixed\n` +
      `publish → handed out: ${figures(stored)}\npublish → enforced on every replica: ${figures(enforced)}`,
  );
  expect([failed, wrong.slice(0, 5)]).toEqual([0, []]);
  expect(revisionsSeen).toBeGreaterThan(publishes / 2);
});

test(`${barriers} publishes with --barrier under load: the replicas switch together`, { timeout: 600_000 }, async () => {
  const running = await load();
  const outcomes: PublishedRevision[] = [];
  const enforced: number[] = [];
  for (let count = 0; count < barriers; count++) {
    const asked = performance.now();
    const one = await publisher.publish(documents(publishes + count + 2), { barrier: true });
    await publisher.enforced(one.revision);
    enforced.push(performance.now() - asked);
    outcomes.push(one);
  }
  const { answered, failed, wrong } = await running.stop();
  const skews = outcomes.flatMap(({ barrier }) => (barrier?.skew === undefined ? [] : [barrier.skew]));
  console.log(
    `${barriers} publishes with --barrier, ${answered} checks: ${failed} failed, ${wrong.length} mixed\n` +
      `publish → enforced on every replica: ${figures(enforced)}\nskew between replicas: ${figures(skews)}`,
  );
  expect(outcomes.map(({ barrier }) => [barrier?.prepared, barrier?.late])).toEqual(outcomes.map(() => [replicas, []]));
  expect([failed, wrong.slice(0, 5)]).toEqual([0, []]);
});
