import { until } from "@aegis/testkit/until";
import { v7 } from "uuid";
import { afterAll, beforeAll, expect, test } from "vitest";
import { agentToken, call, cast, decision, hold, operatorToken, type Running, type Surroundings, surroundings } from "./running.ts";

let around: Surroundings;
let service: Running;

beforeAll(async () => {
  around = await surroundings();
  service = await around.start("approvals-0");
});
afterAll(async () => around?.[Symbol.asyncDispose]());

const at = (path: string) => `${service.url}/v1/approvals${path}`;
const ann = () => operatorToken(around, "ann@acme.test");

let next = 0;
const fresh = () => ({ agent: `agent-${next++}` });

test("whoever wrote the policy that holds a call does not answer for it", async () => {
  const version = `v-${v7()}`;
  const data = { revision: 7, version, snapshotDigest: `sha256:${"c".repeat(64)}`, author: "Paul@acme.test", message: "m" };
  const event = { ...decision(), id: v7(), type: "dev.aegis.policy.published.v1", source: "aegis/policy-compiler/p-0", data };
  await around.nats.bus.jetstream.publish("aegis.policy.acme.published", JSON.stringify(event), { msgID: event.id });
  const held = { ...fresh(), policyVersion: version };
  const id = await hold(around, held);
  await until(async () => (await cast(around, service, id, "paul@acme.test", "deny")).status === 403);
  const other = await hold(around, { ...fresh(), policyVersion: `${version}-before` });
  expect((await cast(around, service, other, "paul@acme.test", "approve")).body.state).toBe("approved");
});

test("an agent takes its own request back, an admin any, nobody else; the history says all that happened", async () => {
  const { agent } = fresh();
  const id = await hold(around, { agent, quorum: 2 });
  await cast(around, service, id, "ann@acme.test", "approve");
  const cancel = async (token: string) => call(token, "POST", at(`/${id}/cancel`), { comment: "no longer needed" });
  expect((await cancel(await agentToken(around, { client_id: "other-agent" }))).status).toBe(404);
  expect((await cancel(await operatorToken(around, "bob@acme.test"))).status).toBe(403);
  expect((await cancel(await operatorToken(around, "eve@other.test", { other: ["admin"] }))).status).toBe(404);
  expect((await call(await ann(), "POST", at(`/${id}/comments`), { comment: "which invoice?" })).status).toBe(204);
  const own = await agentToken(around, { client_id: agent });
  expect((await cancel(own)).body).toMatchObject({ state: "cancelled", outcome: `cancelled by ${agent}` });
  expect((await cancel(own)).status).toBe(409);
  const { body } = await call(await ann(), "GET", at(`/${id}/history`));
  expect(body.history.map(({ what, who, comment }: { what: string; who: string[]; comment: string }) => [what, ...who, comment])).toEqual([
    ["requested", agent, ""],
    ["approve", "ann@acme.test", ""],
    ["comment", "ann@acme.test", "which invoice?"],
    ["cancelled", agent, "no longer needed"],
  ]);
});

test("the statistics say who is asked how often, what came of it, how fast, and how often without reading", async () => {
  const held = fresh();
  const many = await Promise.all(["1", "2", "3"].map((action) => hold(around, { ...held, action })));
  await cast(around, service, many[0] ?? "", "ann@acme.test", "approve");
  await cast(around, service, many[1] ?? "", "ann@acme.test", "deny");
  const mine = await until(async () => {
    const { body } = await call(await ann(), "GET", `${service.url}/v1/approval-statistics?tenant=acme&days=1`);
    const [one] = body.statistics.filter(({ agent }: { agent: string }) => agent === held.agent);
    return one?.requested === 3 && one;
  });
  expect(mine).toMatchObject({ call: "stripe-payments:create_payment", approved: 1, denied: 1, pending: 1, expired: 0 });
  expect(mine.medianSeconds).toBeGreaterThanOrEqual(0);
  expect(mine.quickShare).toBeGreaterThanOrEqual(0);
  const stranger = await operatorToken(around, "eve@other.test", { other: ["admin"] });
  expect((await call(stranger, "GET", `${service.url}/v1/approval-statistics?tenant=acme`)).status).toBe(403);
});

test.each([
  ["approved", "approved by ann@acme.test"],
  ["denied", "denied by ann@acme.test"],
  ["expired", "expired: nobody decided in time"],
  ["cancelled", "cancelled by ada@acme.test"],
])("whoever waits hears %s as what it is", async (state, outcome) => {
  const { agent } = fresh();
  const id = await hold(around, { agent, ...(state === "expired" ? { expiresInMs: 1_500 } : {}) });
  const token = await agentToken(around, { client_id: agent });
  const waiting = call(token, "GET", at(`/${id}/wait?timeout=50`));
  const last = (async () => {
    const states: { state: string; decidedBy: readonly string[] }[] = [];
    for await (const one of service.authz.watch({ approvalId: id, token }, { deadlineMs: 50_000 })) states.push(one);
    return states.at(-1);
  })();
  if (state === "approved" || state === "denied")
    await cast(around, service, id, "ann@acme.test", state === "approved" ? "approve" : "deny");
  if (state === "cancelled") {
    const admin = await operatorToken(around, "ada@acme.test", { acme: ["admin"] });
    await until(async () => (await call(admin, "POST", at(`/${id}/cancel`), {})).status === 200);
  }
  expect((await waiting).body).toMatchObject({ state, outcome });
  expect(await last).toMatchObject({ state, decidedBy: state === "expired" ? [] : [expect.any(String)] });
});

test("the metrics tell how deep each queue is", async () => {
  await hold(around, fresh());
  await until(async () => {
    const text = await (await fetch(`${service.url}/metrics`)).text();
    return /^aegis_approvals_pending\{(?=[^}]*queue="finance")(?=[^}]*tenant="acme")[^}]*\} [1-9]/m.test(text);
  });
});
