import { consume } from "@aegis/bus/consume";
import { subjects } from "@aegis/contracts/subjects";
import { testLogger } from "@aegis/testkit/fabric";
import { until } from "@aegis/testkit/until";
import { v7 } from "uuid";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Answer, call, decision, hold, operatorToken, type Running, type Surroundings, say, surroundings } from "./running.ts";

let around: Surroundings;
let replicas: Running[];
beforeAll(async () => {
  around = await surroundings();
  replicas = [await around.start("approvals-0"), await around.start("approvals-1")];
});
afterAll(async () => around?.[Symbol.asyncDispose]());

const replica = (index: number) => replicas[index % replicas.length] as Running;
let next = 0;
const rule = `sha256:${"b".repeat(64)}`;
const digest = `sha256:${"a".repeat(64)}`;

async function as(
  user: string,
  method: string,
  path: string,
  json?: unknown,
  roles?: Parameters<typeof operatorToken>[2],
): Promise<Answer> {
  return call(await operatorToken(around, user, roles), method, `${replica(next).url}${path}`, json);
}

const terms = (change: object = {}) => ({ bounds: { "/amount": { max: 60_000 } }, maxUses: 3, expiresInSeconds: 3_600, ...change });

async function granted(held: { agent: string; quorum?: number }, change: object = {}) {
  const approval = await hold(around, held);
  await until(async () => (await as("bob@acme.test", "GET", `/v1/approvals/${approval}`)).body.tenant !== undefined);
  const answer = await as("bob@acme.test", "POST", `/v1/approvals/${approval}/grants`, terms(change));
  if (answer.status !== 200) throw new Error(JSON.stringify(answer));
  return { approval, grant: answer.body };
}

const fresh = () => ({ agent: `agent-${next++}` });
const ask = (agent: string, change: object = {}) => ({
  ...{ tenant: "acme", agent, subject: "user:u-42", chain: [agent], tool: "stripe-payments", action: "create_payment", ruleDigest: rule },
  argumentsJson: Buffer.from(JSON.stringify({ amount: 50_000 })),
  ...change,
});
const use = (grantId: string, agent: string, change: object = {}) => ({
  ...{ grantId, tenant: "acme", agent, instance: "i-1", actionDigest: digest, ruleDigest: rule, decisionId: v7() },
  ...change,
});

test("a grant is found for calls within it and for no other", async () => {
  const held = fresh();
  const { grant } = await granted(held);
  expect(grant).toMatchObject({ state: "live", agent: held.agent, subject: "user:u-42", backers: ["bob@acme.test"], uses: 0, maxUses: 3 });
  const find = async (change: object = {}) => (await replica(1).authz.findGrant(ask(held.agent, change))).grantId;
  expect(await find()).toBe(grant.id);
  for (const change of [
    { tenant: "other" },
    { agent: "another-agent" },
    { subject: "user:eve" },
    { action: "refund" },
    { ruleDigest: digest },
    { argumentsJson: Buffer.from('{"amount":60001}') },
    { argumentsJson: Buffer.from('{"amount":"50000"}') },
    { argumentsJson: Buffer.from("{}") },
  ])
    expect(await find(change), JSON.stringify(change)).toBe("");
});

test("of 200 parallel uses at two replicas as many pass as were granted, each decision once", async () => {
  const held = fresh();
  const { grant } = await granted(held, { maxUses: 7 });
  const attempts = Array.from({ length: 100 }, () => use(grant.id, held.agent));
  const answers = await Promise.all([...attempts, ...attempts].map((one, index) => replica(index).authz.useGrant(one)));
  const passed = new Set([...attempts, ...attempts].filter((_, index) => answers[index]?.used).map(({ decisionId }) => decisionId));
  expect(passed.size).toBe(7);
  const shown = await as("bob@acme.test", "GET", `/v1/grants/${grant.id}`);
  expect(shown.body).toMatchObject({ uses: 7, state: "used up" });
  expect((await replica(0).authz.findGrant(ask(held.agent))).grantId).toBe("");
});

test("a use is bound to tenant, agent and rule, and to authz", async () => {
  const held = fresh();
  const { grant } = await granted(held);
  for (const change of [{ tenant: "other" }, { agent: "another-agent" }, { ruleDigest: digest }, { grantId: v7() }])
    expect(await replica(0).authz.useGrant(use(grant.id, held.agent, change)), JSON.stringify(change)).toMatchObject({ used: false });
  await expect(replica(0).stranger.useGrant(use(grant.id, held.agent))).rejects.toMatchObject({ code: "permission_denied" });
  await expect(replica(0).stranger.findGrant(ask(held.agent))).rejects.toMatchObject({ code: "permission_denied" });
});

test("a grant needs as many people as its calls, none of them twice, and none who asks, owns or is asked for", async () => {
  const held = { ...fresh(), quorum: 2 };
  const { grant } = await granted(held);
  expect(grant.state).toBe("proposed");
  expect((await replica(0).authz.findGrant(ask(held.agent))).grantId).toBe("");
  expect((await as("user:Bob@acme.test", "POST", `/v1/grants/${grant.id}/back`)).body).toMatchObject({ state: "proposed" });
  expect((await as("u-42", "POST", `/v1/grants/${grant.id}/back`)).status).toBe(403);
  expect((await as("ann@acme.test", "POST", `/v1/grants/${grant.id}/back`)).body).toMatchObject({ state: "live" });
  expect((await as("cleo@acme.test", "POST", `/v1/grants/${grant.id}/back`)).status).toBe(409);
  expect((await replica(0).authz.findGrant(ask(held.agent))).grantId).toBe(grant.id);
});

test("nobody grants for themselves, without the role, from another tenant, or without saying for which arguments", async () => {
  const { approval, grant } = await granted(fresh());
  const to = `/v1/approvals/${approval}/grants`;
  expect((await as("u-42", "POST", to, terms())).status).toBe(403);
  expect((await as("eve@acme.test", "POST", to, terms(), { acme: ["auditor"] })).status).toBe(403);
  expect((await as("eve@other.test", "POST", to, terms(), { other: ["admin"] })).status).toBe(404);
  expect((await as("eve@other.test", "GET", `/v1/grants/${grant.id}`, undefined, { other: ["admin"] })).status).toBe(404);
  for (const wrong of [
    terms({ bounds: {} }),
    terms({ anyArguments: true }),
    terms({ bounds: { amount: { max: 1 } } }),
    terms({ bounds: { "/amount": {} } }),
    terms({ bounds: { "/amount": { min: 2, max: 1 } } }),
    terms({ maxUses: 0 }),
    terms({ maxUses: 10_001 }),
    terms({ expiresInSeconds: 31 * 86_400 }),
  ])
    expect((await as("bob@acme.test", "POST", to, wrong)).status, JSON.stringify(wrong)).toBe(400);
});

test("a grant that is taken back, or whose agent is revoked, lets nothing pass", async () => {
  const [one, two] = [fresh(), fresh()];
  const [first, second] = [await granted(one), await granted(two)];
  expect((await as("soc@acme.test", "DELETE", `/v1/grants/${first.grant.id}`, undefined, { acme: ["soc"] })).body).toMatchObject({
    state: "revoked",
    revokedBy: "soc@acme.test",
  });
  expect(await replica(0).authz.useGrant(use(first.grant.id, one.agent))).toMatchObject({ used: false });
  const event = { ...decision(), id: v7(), type: "dev.aegis.identity.revoked.v1", data: { agent: two.agent, by: "soc@acme.test" } };
  await around.nats.bus.jetstream.publish("aegis.identity.acme.revoked", JSON.stringify(event), { msgID: event.id });
  await until(async () => (await as("bob@acme.test", "GET", `/v1/grants/${second.grant.id}`)).body.state === "revoked");
  expect(await replica(1).authz.useGrant(use(second.grant.id, two.agent))).toMatchObject({ used: false });
});

test("granting, each use and taking back are told once, as their schemas say", async () => {
  const held = fresh();
  const told: { type: string; data: { agent: string; grantId?: string } }[] = [];
  await using _ = consume(around.nats.bus, {
    stream: "CONTROL",
    durable: "observer",
    filter: "aegis.approval.>",
    logger: testLogger(),
    async onBatch(messages) {
      for (const message of messages) {
        const row = Object.values(subjects).find(({ pattern }) => pattern === message.subject.replace(".acme.", ".<tenant>."));
        told.push(row?.schema.parse(message.json()) as never);
        await message.ack();
      }
    },
  });
  const { grant } = await granted(held);
  const spend = use(grant.id, held.agent);
  for (const index of [0, 1]) expect(await replica(index).authz.useGrant(spend)).toMatchObject({ used: true, remaining: 2 });
  await as("bob@acme.test", "DELETE", `/v1/grants/${grant.id}`);
  const heard = () => told.filter(({ data }) => data.grantId === grant.id);
  await until(() => heard().length >= 3);
  expect(heard().map(({ type }) => type.split(".")[3])).toEqual(["granted", "grant_used", "grant_revoked"]);
  expect(heard()[1]?.data).toMatchObject({ decisionId: spend.decisionId, actionDigest: digest, instance: "i-1" });
});

test("like requests are answered as one, each by its own rules, and only those that were named", async () => {
  const held = fresh();
  const ids = await Promise.all(["1", "2", "3"].map((action) => hold(around, { ...held, action })));
  const groups = async () =>
    ((await as("bob@acme.test", "GET", "/v1/approval-groups?tenant=acme")).body.groups as { agent: string; ids: string[] }[]).filter(
      ({ agent }) => agent === held.agent,
    );
  await until(async () => (await groups())[0]?.ids.length === 3);
  expect(await groups()).toHaveLength(1);
  const [denied = "", yes = "", later = ""] = ids;
  await as("ann@acme.test", "POST", `/v1/approvals/${denied}/votes`, { decision: "deny" });
  const unknown = "01890a5d-ac96-774b-bcce-b302099a8057";
  const voted = await as("bob@acme.test", "POST", "/v1/approvals:vote", {
    tenant: "acme",
    ids: [denied, yes, unknown],
    decision: "approve",
  });
  expect(voted.body.results).toEqual([
    { id: denied, error: expect.stringContaining("already denied") },
    { id: yes, state: "approved" },
    { id: unknown, error: expect.stringContaining("no approval") },
  ]);
  expect((await as("bob@acme.test", "GET", `/v1/approvals/${later}`)).body.state).toBe("pending");
  expect(
    (await as("eve@other.test", "POST", "/v1/approvals:vote", { tenant: "other", ids: [later], decision: "deny" }, { other: ["admin"] }))
      .body,
  ).toEqual({ results: [{ id: later, error: expect.stringContaining("no approval") }] });
});

test("an approval says how it differs from what the agent asked before", async () => {
  const held = fresh();
  const asked = async (action: string, args: Record<string, unknown>) => {
    const event = decision({ ...held, action });
    await say(around, { ...event, data: { ...event.data, arguments: args } });
    return event.data.approval?.id ?? "";
  };
  for (const [index, amount] of [6_000, 7_000, 8_000].entries()) await asked(String(index), { amount, recipient: "acct_1" });
  const id = await asked("9", { amount: 50_000, recipient: "acct_9" });
  await until(async () => (await as("bob@acme.test", "GET", `/v1/approvals/${id}`)).body.tenant !== undefined);
  expect((await as("bob@acme.test", "GET", `/v1/approvals/${id}`)).body.comparison).toEqual([
    { pointer: "/amount", says: "above all of 3 earlier (6,000 to 8,000)", unusual: true },
    { pointer: "/recipient", says: "never this in 3 earlier", unusual: true },
  ]);
});
