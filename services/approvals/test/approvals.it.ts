import { consume } from "@aegis/bus/consume";
import { RedeemResult } from "@aegis/contracts/aegis/approvals/v1/approvals";
import { subjects } from "@aegis/contracts/subjects";
import { testLogger } from "@aegis/testkit/fabric";
import { until } from "@aegis/testkit/until";
import { v7 } from "uuid";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  agentToken,
  approvedOverride,
  call,
  cast,
  decision,
  hold,
  operatorToken,
  type Running,
  redemption,
  type Surroundings,
  say,
  surroundings,
} from "./running.ts";

let around: Surroundings;
let service: Running;

beforeAll(async () => {
  around = await surroundings();
  service = await around.start("approvals-0");
});
afterAll(async () => around?.[Symbol.asyncDispose]());

const at = (path: string) => `${service.url}/v1/approvals${path}`;
const ann = () => operatorToken(around, "ann@acme.test");

/** Each test holds calls of its own action, so that none folds into another's. */
let next = 0;
const fresh = () => ({ agent: `agent-${next++}` });

test("a held call can be voted on as soon as its id is known, passes once and never again", async () => {
  const held = fresh();
  const { id, token } = await approvedOverride(around, service, held);
  const attempt = redemption(token, held);
  expect(await service.authz.redeem(attempt)).toMatchObject({
    result: RedeemResult.REDEEMED,
    approvalId: id,
    approvers: ["alice@acme.test"],
  });
  expect((await service.authz.redeem(attempt)).result).toBe(RedeemResult.REDEEMED);
  const second = redemption(token, held);
  expect(await service.authz.redeem(second)).toMatchObject({ result: RedeemResult.INVALID, message: "this override was already redeemed" });
  await until(() => service.output().includes("override_replayed"));
  expect(service.output()).toContain(attempt.decisionId);
  expect(service.output()).toContain(second.decisionId);
  const strangers = { ...redemption(token, { ...held, tenant: "other" }), agent: "thief", instance: "copy-9" };
  const refused = await service.authz.redeem(strangers);
  expect(refused).toMatchObject({ result: RedeemResult.INVALID, message: "this override is not known", approvalId: "", approvers: [] });
  const alarm = await until(() =>
    service
      .output()
      .split("\n")
      .find((line) => line.includes("override_replayed") && line.includes("thief")),
  );
  expect(JSON.parse(alarm)).toMatchObject({
    first: { tenant: "acme", agent: held.agent, instance: "i-1", decisionId: attempt.decisionId },
    second: { tenant: "other", agent: "thief", instance: "copy-9", decisionId: strangers.decisionId },
  });
  expect((await call(await ann(), "GET", at(`/${id}`))).body.state).toBe("redeemed");
});

test("an approval shows what was asked, redacted as it came, and who voted", async () => {
  const held = fresh();
  const event = decision({ ...held, quorum: 2 });
  await say(around, event);
  const id = event.data.approval?.id ?? "";
  await cast(around, service, id, "bob@acme.test", "approve");
  const { body } = await call(await ann(), "GET", at(`/${id}`));
  expect(body).toMatchObject({
    id,
    state: "pending",
    tenant: "acme",
    agent: held.agent,
    tool: "stripe-payments",
    action: "create_payment",
    arguments: event.data.arguments,
    reasons: event.data.reasons,
    actionDigest: event.data.actionDigest,
    queue: "finance",
    quorum: 2,
    votes: [{ user: "bob@acme.test", decision: "approve", comment: "" }],
    expiresAt: event.data.approval?.expiresAt,
  });
});

test("repeats of one call fold into one approval while it is pending, and every id resolves to it", async () => {
  const held = fresh();
  const first = await hold(around, held);
  const second = await hold(around, held);
  const found = await until(async () => {
    const [a, b] = [await call(await ann(), "GET", at(`/${first}`)), await call(await ann(), "GET", at(`/${second}`))];
    return a.body.tenant !== undefined && b.body.tenant !== undefined && [a.body.id, b.body.id];
  });
  expect(found[0]).toBe(found[1]);
  await cast(around, service, second, "ann@acme.test", "deny");
  expect((await call(await ann(), "GET", at(`/${first}`))).body.state).toBe("denied");
  const third = await hold(around, held);
  await until(async () => (await call(await ann(), "GET", at(`/${third}`))).body.agent !== undefined);
  expect((await call(await ann(), "GET", at(`/${third}`))).body).toMatchObject({ id: third, state: "pending" });
});

test("one event delivered ten times opens one approval, and a dry run none", async () => {
  const held = fresh();
  const event = decision(held);
  // Other event ids, so that the stream does not drop the repeats itself.
  for (let copy = 0; copy < 10; copy++) await say(around, { ...event, id: v7() });
  await say(around, decision({ ...held, dryRun: true, action: "c" }));
  const id = event.data.approval?.id ?? "";
  await cast(around, service, id, "ann@acme.test", "deny");
  const { body } = await call(await ann(), "GET", at("?tenant=acme&limit=500"));
  expect(body.approvals.filter((one: { agent: string }) => one.agent === held.agent)).toHaveLength(1);
});

test("a young id that has not arrived is pending, an old one is not found", async () => {
  const young = v7();
  expect((await call(await ann(), "GET", at(`/${young}`))).body).toEqual({ id: young, state: "pending", votes: [] });
  const old = v7({ msecs: Date.now() - 31_000 });
  expect((await call(await ann(), "GET", at(`/${old}`))).status).toBe(404);
});

test("nobody votes on their own request, without the role, or from another tenant", async () => {
  const id = await hold(around, fresh());
  expect((await cast(around, service, id, "u-42", "approve")).status).toBe(403);
  const vote = async (token: string) => (await call(token, "POST", at(`/${id}/votes`), { decision: "approve" })).status;
  expect(await vote(await operatorToken(around, "aud@acme.test", { acme: ["auditor"] }))).toBe(403);
  expect(await vote(await operatorToken(around, "eve@other.test", { other: ["approver", "admin"] }))).toBe(404);
  expect(await vote(await agentToken(around))).toBe(401);
  expect((await call(await ann(), "GET", at(`/${id}`))).body.votes).toEqual([]);
});

test("the owner of the agent does not approve for it", async () => {
  const { agent } = fresh();
  const registered = { agent, owner: "olga@acme.test", by: "admin@acme.test" };
  const event = { ...decision(), id: v7(), type: "dev.aegis.identity.registered.v1", source: "aegis/token/token-0", data: registered };
  await around.nats.bus.jetstream.publish("aegis.identity.acme.registered", JSON.stringify(event), { msgID: event.id });
  const id = await hold(around, { agent });
  await until(async () => (await cast(around, service, id, "olga@acme.test", "deny")).status === 403);
});

test("a revoked agent's approvals are cancelled", async () => {
  const { agent } = fresh();
  const id = await hold(around, { agent });
  await until(async () => (await call(await ann(), "GET", at(`/${id}`))).body.agent === agent);
  const event = {
    ...decision(),
    id: v7(),
    type: "dev.aegis.identity.revoked.v1",
    source: "aegis/token/token-0",
    data: { agent, by: "soc@acme.test" },
  };
  await around.nats.bus.jetstream.publish("aegis.identity.acme.revoked", JSON.stringify(event), { msgID: event.id });
  const { body } = await call(await agentToken(around, { client_id: agent }), "GET", at(`/${id}/wait?timeout=20`));
  expect(body).toMatchObject({ state: "cancelled", decidedBy: ["soc@acme.test"] });
});

test("what expires says so, and nobody said no", async () => {
  const { agent } = fresh();
  const id = await hold(around, { agent, expiresInMs: 300 });
  const { body } = await call(await agentToken(around, { client_id: agent }), "GET", at(`/${id}/wait?timeout=20`));
  expect(body).toMatchObject({ state: "expired", decidedBy: [], votes: [] });
  expect((await cast(around, service, id, "ann@acme.test", "approve")).body).toMatchObject({ code: "conflict", state: "expired" });
});

test("waiting and watching end with the decision", async () => {
  const { agent } = fresh();
  const id = await hold(around, { agent, quorum: 2 });
  const token = await agentToken(around, { client_id: agent });
  const waiting = call(token, "GET", at(`/${id}/wait?timeout=30`));
  const watched = (async () => {
    const states: string[] = [];
    for await (const one of service.authz.watch({ approvalId: id, token }, { deadlineMs: 30_000 })) states.push(one.state);
    return states;
  })();
  await cast(around, service, id, "ann@acme.test", "approve");
  await cast(around, service, id, "bob@acme.test", "approve");
  expect((await waiting).body).toMatchObject({ state: "approved", decidedBy: ["ann@acme.test", "bob@acme.test"] });
  expect((await watched).at(-1)).toBe("approved");
});

test("an override is handed out once, to the agent that asked and nobody else", async () => {
  const { agent } = fresh();
  const id = await hold(around, { agent, instance: "copy-1" });
  const collect = async (claims: Record<string, unknown>) =>
    call(await agentToken(around, { client_id: agent, instance: "copy-1", ...claims }), "POST", at(`/${id}/override`));
  await until(async () => (await collect({})).status === 412);
  await cast(around, service, id, "ann@acme.test", "approve");
  expect((await collect({ client_id: "other-agent" })).status).toBe(404);
  expect((await collect({ tenant: "other" })).status).toBe(404);
  expect((await collect({ instance: "copy-2" })).status).toBe(403);
  expect((await collect({ exp: Math.floor(Date.now() / 1000) - 1, iat: 1 })).status).toBe(401);
  expect((await collect({ cnf: { jkt: "x" } })).status).toBe(401);
  const many = await Promise.all(Array.from({ length: 20 }, () => collect({})));
  expect(many.map((one) => one.status).sort()).toEqual([200, ...Array.from({ length: 19 }, () => 409)]);
});

test.each([
  ["another tenant", { tenant: "other" }, RedeemResult.INVALID],
  ["another agent", { agent: "other-agent" }, RedeemResult.INVALID],
  ["another instance", { instance: "copy-2" }, RedeemResult.INVALID],
  ["another action", { action: "c" }, RedeemResult.INVALID],
  ["a changed rule", { rule: "c" }, RedeemResult.POLICY_CHANGED],
])("an override does not pass for %s, and is not spent by the attempt", async (_, other, result) => {
  const held = { ...fresh(), instance: "copy-1" };
  const { token } = await approvedOverride(around, service, held);
  expect((await service.authz.redeem(redemption(token, { ...held, ...other }))).result).toBe(result);
  expect((await service.authz.redeem(redemption(token, held))).result).toBe(RedeemResult.REDEEMED);
});

test("only authz redeems", async () => {
  const held = fresh();
  const { token } = await approvedOverride(around, service, held);
  await expect(service.stranger.redeem(redemption(token, held))).rejects.toMatchObject({ code: "permission_denied" });
});

test("a no after the yes voids the override that was handed out", async () => {
  const held = fresh();
  const { id, token } = await approvedOverride(around, service, held);
  await cast(around, service, id, "bob@acme.test", "deny");
  expect((await service.authz.redeem(redemption(token, held))).result).toBe(RedeemResult.INVALID);
});

test("every change of state is told once, as its schema says", async () => {
  const held = fresh();
  const told: { type: string; data: { agent: string } }[] = [];
  await using _ = consume(around.nats.bus, {
    stream: "CONTROL",
    durable: "observer",
    filter: "aegis.approval.>",
    logger: testLogger(),
    async onBatch(messages) {
      for (const message of messages) {
        const verb = message.subject.split(".").at(-1) ?? "";
        const row = Object.values(subjects).find((each) => each.pattern === `aegis.approval.<tenant>.${verb}`);
        told.push(row?.schema.parse(message.json()) as never);
        await message.ack();
      }
    },
  });
  const { token } = await approvedOverride(around, service, held);
  await service.authz.redeem(redemption(token, held));
  const verbs = () => told.filter((one) => one.data.agent === held.agent).map((one) => one.type.split(".")[3]);
  await until(() => verbs().length >= 4);
  expect(verbs()).toEqual(["requested", "voted", "approved", "redeemed"]);
});
