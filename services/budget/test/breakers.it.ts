import { openBucket } from "@aegis/bus/kv";
import { breakerKey, stores } from "@aegis/contracts/subjects";
import { until } from "@aegis/testkit/until";
import { afterAll, beforeAll, expect, test } from "vitest";
import { asOperator, decision, limit, outcome, type Running, type Surroundings, say, surroundings } from "./running.ts";

const breaker = { rule: "policy.yaml:1", failures: 5, deniedPercent: 80, calls: 10, pauseSeconds: 1 };

let around: Surroundings;
let replicas: Running[];
const events: { type: string; tenant: string; data: { scope: string; by?: string; cause?: string } }[] = [];

beforeAll(async () => {
  around = await surroundings();
  await around.publish("acme", 1, [limit("tenant", 1_000_000)], { breaker });
  await around.publish("other", 1, [limit("tenant", 1_000_000)], { breaker });
  replicas = [await around.start("budget-0"), await around.start("budget-1")];
  const subscription = around.nats.bus.connection.subscribe("aegis.budget.>");
  void (async () => {
    for await (const message of subscription) events.push(message.json());
  })();
});
afterAll(async () => around?.[Symbol.asyncDispose]());

const [first, second] = [() => replicas[0] as Running, () => replicas[1] as Running];

const deny = (agent: string, promptId = "", tenant = "acme") => {
  const event = decision({ tenant, agent, decision: "deny" });
  return say(around, {
    ...event,
    data: { ...event.data, reasons: [{ code: "parameter_out_of_range", message: "" }], context: promptId ? { promptId } : {} },
  });
};

const trip = async (agent: string, tenant = "acme") => {
  for (let call = 0; call < 20; call++) await deny(agent, "", tenant);
  await standing(`agent/${agent}`, "open", tenant);
};

const breakers = async (tenant = "acme") =>
  (await asOperator(around, { [tenant]: ["soc"] }, "GET", `${first().url}/v1/breakers?tenant=${tenant}`)).body as {
    scope: string;
    state: string;
    cause: string;
  }[];

const standing = (scope: string, state: string | undefined, tenant = "acme") =>
  until(async () => (await breakers(tenant)).find((one) => one.scope === scope)?.state === state, {
    what: `${scope} to be ${state}`,
    timeoutMs: 20_000,
  });

const probe = (scope: string, decisionId: string, { at = 0, as = "authz-0", tenant = "acme" } = {}) =>
  (replicas[at] as Running).as(as).probe({ tenant, scopes: [scope], decisionId });

const told = (type: string, scope: string) =>
  events.filter((one) => one.type === `dev.aegis.budget.${type}.v1` && one.data.scope === scope);

const inBucket = async (scope: string) =>
  (await openBucket(around.nats.bus, stores.budgetState))
    .get(breakerKey("acme", scope))
    .then((entry) => entry && JSON.parse(Buffer.from(entry.value).toString()));

test("a loop trips the breaker once; everybody is told where, why and until when", async () => {
  await trip("looping");
  await until(() => told("tripped", "agent/looping").length > 0, { what: "the event" });
  expect(told("tripped", "agent/looping")).toHaveLength(1);
  expect(told("tripped", "agent/looping")[0]?.data).toMatchObject({ cause: "denied" });
  await until(async () => (await inBucket("agent/looping"))?.state === "open", { what: "the entry for authz" });
});

test("of a crowd that asks through two replicas after the pause, one call is the probe; its failure pauses again without a word", async () => {
  await trip("probing");
  const ids = Array.from({ length: 20 }, () => decision({ tenant: "acme" }).data.decisionId);
  let passed: string[] = [];
  await until(
    async () => {
      const answers = await Promise.all(ids.map((id, at) => probe("agent/probing", id, { at: at % 2, as: `authz-${at % 3}` })));
      passed = ids.filter((_, at) => answers[at]?.passes);
      return passed.length > 0;
    },
    { what: "a probe" },
  );
  expect(passed).toHaveLength(1);
  const denied = decision({ tenant: "acme", agent: "probing", decision: "deny", decisionId: passed[0]! });
  await say(around, { ...denied, data: { ...denied.data, reasons: [{ code: "parameter_type", message: "" }] } });
  await standing("agent/probing", "open");
  let second = "";
  await until(
    async () => {
      second = decision({ tenant: "acme" }).data.decisionId;
      return (await probe("agent/probing", second)).passes;
    },
    { what: "another probe", timeoutMs: 20_000 },
  );
  await say(around, decision({ tenant: "acme", agent: "probing", decisionId: second }));
  await standing("agent/probing", undefined);
  await until(() => told("reset", "agent/probing").length === 1, { what: "the reset's event" });
  expect(told("reset", "agent/probing")[0]?.data.by).toBe("probe");
  expect(told("tripped", "agent/probing")).toHaveLength(1);
  expect(await inBucket("agent/probing")).toBeUndefined();
});

test("calls that fail one after the other trip it; whoever hands on work is stopped too", async () => {
  for (let call = 0; call < 6; call++) {
    const allowed = decision({ tenant: "acme", agent: "failing" });
    await say(around, allowed);
    await say(around, outcome(allowed, "failed"));
  }
  await standing("agent/failing", "open");
  const spawn = (parent: string, child: string) => first().as("token-0").maySpawn({ tenant: "acme", parent, child });
  expect(await spawn("failing", "worker")).toMatchObject({ maySpawn: false, code: "circuit_open" });
  expect(await spawn("planner", "failing")).toMatchObject({ maySpawn: false, code: "circuit_open" });
  expect(await spawn("planner", "worker")).toMatchObject({ maySpawn: true });
});

test("several agents that are denied together trip their prompt's breaker", async () => {
  for (let call = 0; call < 12; call++) await deny(`member-${call % 6}`, "p/7");
  await standing("prompt/p/7", "open");
  expect((await breakers()).filter(({ scope }) => scope.startsWith("agent/member"))).toEqual([]);
  const reset = await asOperator(
    around,
    { acme: ["soc"] },
    "POST",
    `${first().url}/v1/breakers/${encodeURIComponent("prompt/p/7")}:reset?tenant=acme`,
  );
  expect(reset).toEqual({ status: 200, body: { scope: "prompt/p/7", reset: true } });
});

test("a person lets it go on, and is named; not without the right, not from elsewhere, not too often", async () => {
  await trip("resetting");
  const post = (roles: Parameters<typeof asOperator>[1], name = "resetting") =>
    asOperator(around, roles, "POST", `${second().url}/v1/breakers/${name}:reset?tenant=acme`);
  expect((await post({ acme: ["auditor"] })).status).toBe(403);
  expect((await post({ other: ["admin"] })).status).toBe(403);
  expect(await post({ acme: ["soc"] })).toEqual({ status: 200, body: { scope: "agent/resetting", reset: true } });
  expect((await post({ acme: ["soc"] })).body).toEqual({ scope: "agent/resetting", reset: false });
  await until(() => told("reset", "agent/resetting").length === 1, { what: "the event" });
  expect(told("reset", "agent/resetting")[0]?.data.by).toBe("fin@acme.test");
  let refused = 0;
  for (let round = 0; round < 6; round++) {
    await trip("resetting").catch(() => undefined);
    if ((await post({ acme: ["soc"] })).status === 429) refused++;
  }
  expect(refused, "12 changes a minute are the most").toBeGreaterThan(0);
  expect((await post({ acme: ["soc"] }, "a b")).status).toBe(400);
}, 60_000);

test("one tenant's loop is nothing to another, and only authz asks for probes", async () => {
  await trip("shared", "other");
  expect((await breakers()).map(({ scope }) => scope)).not.toContain("agent/shared");
  await expect(probe("agent/shared", decision({ tenant: "acme" }).data.decisionId, { as: "token-0" })).rejects.toMatchObject({
    code: "permission_denied",
  });
});

test("a breaker outlives kill -9 of the service", async () => {
  await trip("durable");
  await first().kill();
  replicas[0] = await around.start("budget-0");
  await standing("agent/durable", "open");
});
