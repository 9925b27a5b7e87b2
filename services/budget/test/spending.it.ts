import { until } from "@aegis/testkit/until";
import { afterAll, beforeAll, expect, test } from "vitest";
import { account, asOperator, books, decision, limit, outcome, type Running, type Surroundings, say, surroundings } from "./running.ts";

let around: Surroundings;
let service: Running;

const local: typeof limit = (scope, units, more) => limit(scope, units, { ...more, timeZone: "America/Sao_Paulo" });

beforeAll(async () => {
  around = await surroundings();
  await around.publish("acme", 1, [
    local("tenant", 100),
    local("tenant", 5_000, { unit: "tokens", window: "month" }),
    local("prompt/*", 80),
    local("prompt/*", 1_000, { unit: "tokens" }),
    local("session/*", 700, { unit: "tokens", window: "session" }),
    local("session/*/agent/*", 3, { window: "session" }),
    local("agent/*", 9, { window: "hour" }),
    local("agent/*", 12, { window: "week" }),
  ]);
  await around.publish(
    "euro",
    1,
    [
      limit("agent/*", 2_000_000, { unit: "micro_usd" }),
      limit("agent/*", 1_000_000, { unit: "micro_eur" }),
      limit("prompt/*", 500_000, { unit: "micro_eur" }),
    ],
    { exchangeRates: { rule: "policy.yaml:1", usd: { EUR: 1.08, JPY: 0.0067 } } },
  );
  await around.publish("other", 1, [limit("tenant", 100)]);
  service = await around.start("budget-0");
});
afterAll(async () => around?.[Symbol.asyncDispose]());

const call = (method: string, path: string, json?: unknown, roles: Parameters<typeof asOperator>[1] = { acme: ["finops"] }) =>
  asOperator(around, roles, method, `${service.url}${path}`, json);

test("usage is counted once by its id, on every account that names its user, and beyond a limit it is owed", async () => {
  const usage = { id: "u-1", agent: "a", prompt: "u/1", session: "s-1", tokens: 600, microUsd: 25_000 };
  expect(await call("POST", "/v1/usage?tenant=acme", usage)).toEqual({ status: 200, body: { recorded: true } });
  expect(await call("POST", "/v1/usage?tenant=acme", usage)).toEqual({ status: 200, body: { recorded: false } });
  expect(await books(around, "acme", "prompt/u%2F1")).toMatchObject({ settled: 600 });
  expect(await books(around, "acme", "session/s-1")).toMatchObject({ settled: 600 });
  expect(await books(around, "acme", "tenant")).toMatchObject({ settled: 600 });
  await call("POST", "/v1/usage?tenant=acme", { ...usage, id: "u-2", tokens: 300 });
  expect(await books(around, "acme", "session/s-1")).toMatchObject({ settled: 700, overrun: 200 });
  const spent = await call("GET", "/v1/spend?tenant=acme&by=prompt");
  expect(spent.body).toContainEqual({ key: "u/1", microUsd: 50_000, tokens: 900, actions: 0 });
});

test("what was spent is told over time, and in a prompt by who handed work to whom", async () => {
  const made = (chain: string[]) => {
    const event = decision({ tenant: "acme", agent: chain[0]! });
    return { ...event, data: { ...event.data, principal: { ...event.data.principal, chain }, context: { promptId: "tree" } } };
  };
  await say(around, made(["planner"]));
  await say(around, made(["worker", "planner"]));
  const dearer = made(["worker", "planner"]);
  await say(around, dearer);
  await say(around, outcome(dearer, "executed", { microUsd: 500, tokens: 7 }));
  const failed = made(["worker", "planner"]);
  await say(around, failed);
  await say(around, outcome(failed, "failed"));
  await until(
    async () =>
      JSON.stringify((await call("GET", "/v1/prompts/tree/spend?tenant=acme")).body) ===
      JSON.stringify([
        { chain: ["planner"], microUsd: 10, tokens: 1, actions: 1 },
        { chain: ["planner", "worker"], microUsd: 510, tokens: 8, actions: 2 },
      ]),
    { what: "the tree", timeoutMs: 20_000 },
  );
  const { body } = await call("GET", "/v1/spend?tenant=acme&by=agent&days=2&per=day");
  expect(body.find((row: { key: string }) => row.key === "worker")).toMatchObject({
    microUsd: 510,
    actions: 2,
    from: expect.stringMatching(/T03:00/),
  });
});

test("a prompt gets the quota it asks for before it fans out, or what is left of the tightest budget", async () => {
  const ask = (actions: number, prompt = "fan") => call("POST", "/v1/prompts?tenant=acme", { prompt, actions });
  expect((await ask(30)).body.allocations).toEqual([{ unit: "actions", asked: 30, allocated: 30 }]);
  const lease = (units: number, prompt = "fan") =>
    service.as("authz-0").lease({ account: account("acme", `prompt/${prompt}`), holder: "e1", need: BigInt(units), want: BigInt(units) });
  expect((await lease(40)).granted, "no more than was allocated").toBe(30n);
  expect((await ask(500, "greedy")).body.allocations, "nor than the policy says").toEqual([{ unit: "actions", asked: 500, allocated: 80 }]);
  await service.as("authz-0").lease({ account: account("acme", "tenant"), holder: "e1", need: 60n, want: 60n });
  const { body } = await ask(70, "late");
  expect(body.allocations, "nor than the tenant has left").toEqual([{ unit: "actions", asked: 70, allocated: 40 }]);
  expect(body.available).toContainEqual(expect.objectContaining({ scope: "tenant", unit: "actions", remaining: 40 }));
  expect((await call("POST", "/v1/prompts?tenant=acme", { prompt: "p", microUsd: 5 })).status, "no policy bounds money per prompt").toBe(
    422,
  );
});

test("hours and weeks are windows of their own, and all of them hold", async () => {
  const lease = (window: string, units: number) =>
    service
      .as("authz-0")
      .lease({ account: account("acme", "agent/windowed", { window }), holder: "e1", need: BigInt(units), want: BigInt(units) });
  const [hour, week] = [await lease("hour", 20), await lease("week", 20)];
  expect([hour.granted, week.granted]).toEqual([9n, 12n]);
  const [ends, now] = [Number(hour.windowEnds?.seconds), Date.now() / 1000];
  expect(ends - now).toBeLessThanOrEqual(3_600);
  expect(Number(week.windowEnds?.seconds) - now).toBeLessThanOrEqual(7 * 86_400);
  const { body } = await call("GET", "/v1/budgets?tenant=acme&agent=windowed");
  expect(body.map(({ window, remaining }: { window: string; remaining: number }) => [window, remaining])).toEqual([
    ["hour", 0],
    ["week", 0],
  ]);
});

test("a forecast says how windows will end", async () => {
  const { status, body } = await call("GET", "/v1/forecast?tenant=acme");
  expect(status).toBe(200);
  const month = body.find(({ window }: { window: string }) => window === "month");
  expect(month).toMatchObject({ scope: "tenant", unit: "tokens", settled: 900, projected: expect.any(Number) });
  expect(month.projected).toBeGreaterThanOrEqual(900);
});

test("money of another currency counts on its own accounts and, by the declared rate, on those in US dollars", async () => {
  const finops = { euro: ["finops"] } as Parameters<typeof asOperator>[1];
  const use = (more: object) => call("POST", "/v1/usage?tenant=euro", { agent: "model", prompt: "p", ...more }, finops);
  expect((await use({ id: "u-1", money: { currency: "EUR", micro: 300_001 } })).body).toEqual({ recorded: true });
  expect((await use({ id: "u-2", money: { currency: "JPY", micro: 100_000_000 } })).body).toEqual({ recorded: true });
  expect((await use({ id: "u-3", microUsd: 7 })).body).toEqual({ recorded: true });
  expect(await use({ id: "u-4", money: { currency: "CHF", micro: 1 } })).toMatchObject({ status: 422 });
  expect(await use({ id: "u-5", microUsd: 1, money: { currency: "EUR", micro: 1 } })).toMatchObject({ status: 422 });
  expect(await use({ id: "u-6", money: { currency: "eur", micro: 1 } })).toMatchObject({ status: 400 });
  const lines = async () => {
    const { body } = await call("GET", "/v1/budgets?tenant=euro&agent=model&prompt=p", undefined, finops);
    return Object.fromEntries(
      body.map((line: { scope: string; unit: string; settled: number }) => [`${line.scope} ${line.unit}`, line.settled]),
    );
  };
  // 324,001.08 and 670,000 millionths of a US dollar, each rounded up, and 7.
  expect(await lines()).toEqual({ "agent/model micro_eur": 300_001, "agent/model micro_usd": 994_009, "prompt/p micro_eur": 300_001 });
  const spent = await call("GET", "/v1/spend?tenant=euro&by=agent", undefined, finops);
  expect(spent.body).toEqual([{ key: "model", microUsd: 994_009, tokens: 0, actions: 0, currencies: { EUR: 300_001, JPY: 100_000_000 } }]);
  const set = { unit: "micro_eur", window: "day", limit: 300_000 };
  expect((await call("PUT", "/v1/budgets/agent%2Fmodel?tenant=euro", set, finops)).body).toMatchObject([
    { unit: "micro_eur", limit: 300_000, remaining: 0 },
  ]);
  const quota = await call("POST", "/v1/prompts?tenant=euro", { prompt: "q", money: { currency: "EUR", micro: 9_000_000 } }, finops);
  expect(quota.body.allocations).toEqual([{ unit: "micro_eur", asked: 9_000_000, allocated: 500_000 }]);
});

test("a call in another currency is settled on each account in that account's own", async () => {
  const finops = { euro: ["finops"] } as Parameters<typeof asOperator>[1];
  const scope = "agent/buyer";
  const lease = async (unit: string, units: number) =>
    (
      await service
        .as("authz-1")
        .lease({ account: account("euro", scope, { unit }), holder: "e1", need: BigInt(units), want: BigInt(units) })
    ).leaseId;
  const reservations = await Promise.all(
    [["micro_usd", 108] as const, ["micro_eur", 100] as const].map(async ([unit, units]) => ({
      ...{ scope, unit, window: "day" as const, units },
      leaseId: await lease(unit, units),
    })),
  );
  const made = decision({ tenant: "euro", agent: "buyer", reservations });
  await say(around, {
    ...made,
    data: { ...made.data, cost: { microUsd: 108, tokens: 0, money: { currency: "EUR", micro: 100, rate: 1.08 } } },
  });
  const settled = async () => {
    const { body } = await call("GET", "/v1/budgets?tenant=euro&agent=buyer", undefined, finops);
    return body.map(({ unit, settled: units }: { unit: string; settled: number }) => `${units} ${unit}`);
  };
  await say(around, outcome(made, "executed", { microUsd: 54, tokens: 0, money: { currency: "EUR", micro: 50, rate: 1.08 } }));
  await until(async () => (await settled()).includes("54 micro_usd"));
  expect(await settled()).toEqual(["50 micro_eur", "54 micro_usd"]);
  const spent = await call("GET", "/v1/spend?tenant=euro&by=agent&per=day", undefined, finops);
  expect(spent.body).toContainEqual(expect.objectContaining({ key: "buyer", microUsd: 54, currencies: { EUR: 50 } }));
});

test("only a tenant's own people report, allocate and look", async () => {
  const strangers = { other: ["admin", "finops"] } as Parameters<typeof asOperator>[1];
  const tries = [
    call("POST", "/v1/usage?tenant=acme", { id: "x", agent: "a", tokens: 1 }, strangers),
    call("POST", "/v1/prompts?tenant=acme", { prompt: "x", actions: 1 }, strangers),
    call("GET", "/v1/prompts/tree/spend?tenant=acme", undefined, strangers),
    call("GET", "/v1/forecast?tenant=acme", undefined, strangers),
    call("POST", "/v1/usage?tenant=acme", { id: "x", agent: "a", tokens: 1 }, { acme: ["auditor"] }),
  ];
  expect((await Promise.all(tries)).map(({ status }) => status)).toEqual([403, 403, 403, 403, 403]);
  expect((await call("POST", "/v1/usage?tenant=acme", { id: "x", agent: "a", tokens: -1 })).status).toBe(400);
  expect((await call("POST", "/v1/usage?tenant=acme", { id: "x", agent: "a", tokens: 2 ** 60 })).status).toBe(400);
});
