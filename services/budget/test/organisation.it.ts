import { inTenant } from "@aegis/postgres/tenant";
import { until } from "@aegis/testkit/until";
import { sql } from "kysely";
import { v7 } from "uuid";
import { afterAll, beforeAll, expect, test } from "vitest";
import { account, asOperator, books, decision, limit, outcome, type Running, type Surroundings, say, surroundings } from "./running.ts";

let around: Surroundings;
let service: Running;
const org = "acme-group";
const named = `org/${org}`;

beforeAll(async () => {
  around = await surroundings();
  const limits = [limit("org", 100), limit("org", 1_000, { unit: "micro_usd" })];
  await around.publish(org, 1, [], { organisation: { rule: "org.yaml:1", members: ["acme", "globex"], limits } });
  await around.publish("acme", 1, [limit("tenant", 80)], { memberOf: org });
  await around.publish("globex", 1, [], { memberOf: org });
  await around.publish("stranger", 1, [limit("tenant", 80)], { memberOf: org });
  service = await around.start("budget-0");
});
afterAll(async () => around?.[Symbol.asyncDispose]());

const lease = (tenant: string, want: number, holder = "e1", authz = "authz-0") =>
  service.as(authz).lease({ account: account(tenant, named), holder, need: 1n, want: BigInt(want) });
const reserve = (tenant: string, amounts: Record<string, number>, decisionId = v7()) =>
  service.as("authz-0").reserve({
    decisionId,
    amounts: Object.entries(amounts).map(([scope, units]) => ({ account: account(tenant, scope), units: BigInt(units) })),
  });
const held = () => books(around, org, "org");

test("members spend one account of the organisation's, and nothing beyond its limit", async () => {
  const first = await lease("acme", 20);
  const second = await lease("globex", 20, "e1", "authz-1");
  expect([first.granted, second.granted]).toEqual([20n, 20n]);
  expect((await held()).leased).toBe(40);
  expect((await books(around, "acme", named)).leased, "not the member's").toBe(0);
  const spent = decision({ tenant: "globex", producer: "authz-1", reservations: [{ ...line, units: 5, leaseId: second.leaseId }] });
  await say(around, spent);
  await until(async () => (await held()).reserved === 5);
  await say(around, outcome(spent, "executed"));
  await until(async () => (await held()).settled === 5);
  await service.as("authz-0").release({ what: { case: "leaseId", value: first.leaseId }, spent: 0n });
  await service.as("authz-1").release({ what: { case: "leaseId", value: second.leaseId }, spent: 5n });
  expect(await held()).toMatchObject({ leased: 0, reserved: 0, settled: 5 });
  const answers = await Promise.all(Array.from({ length: 120 }, (_, at) => reserve(at % 2 ? "acme" : "globex", { [named]: 1 })));
  expect(answers.filter(({ reserved }) => reserved)).toHaveLength(95);
  expect(answers.find(({ reserved }) => !reserved)?.refused).toMatchObject({ scope: named });
});

const line = { scope: named, unit: "actions", window: "day" } as const;

test("a call takes from its tenant and its organisation, or from neither; an outcome frees both", async () => {
  await around.publish(org, 2, [], { organisation: { rule: "org.yaml:1", members: ["acme", "globex"], limits: [limit("org", 150)] } });
  const room = async () => (await lines({ [org]: ["finops"] }, org))[0]?.remaining;
  await until(async () => (await room()) === 50, { what: "the new limit" });
  const id = v7();
  expect(await reserve("acme", { tenant: 30, [named]: 30 }, id)).toMatchObject({ reserved: true });
  expect(await reserve("acme", { tenant: 30, [named]: 30 }), "20 are left of the organisation's").toMatchObject({ reserved: false });
  expect(await reserve("acme", { tenant: 60, [named]: 10 }), "50 of the tenant's").toMatchObject({ reserved: false });
  expect([(await books(around, "acme", "tenant")).reserved, await room()]).toEqual([30, 20]);
  expect(await service.as("authz-0").release({ what: { case: "decisionId", value: id } })).toMatchObject({ released: true });
  expect([(await books(around, "acme", "tenant")).reserved, await room()]).toEqual([0, 50]);
});

test("a tenant that the organisation does not list counts on nothing of it, nor does anybody where it is not known", async () => {
  await expect(lease("stranger", 1)).rejects.toMatchObject({ code: "permission_denied" });
  await expect(reserve("stranger", { tenant: 1, [named]: 1 })).rejects.toMatchObject({ code: "permission_denied" });
  const unknown = { account: account("acme", "org/nobody"), holder: "e1", need: 1n, want: 1n };
  await expect(service.as("authz-0").lease(unknown)).rejects.toMatchObject({ code: "unavailable" });
  expect((await books(around, "stranger", "tenant")).reserved).toBe(0);
});

const lines = async (roles: Record<string, "finops"[]>, tenant: string) =>
  (await asOperator(around, roles, "GET", `${service.url}/v1/budgets?tenant=${tenant}`)).body as {
    scope: string;
    unit: string;
    remaining: number;
  }[];

test("only the organisation's own people see and set what is left of it; a member sees nothing of it", async () => {
  expect(await lines({ [org]: ["finops"] }, org)).toMatchObject([{ scope: "org", unit: "actions" }]);
  expect((await lines({ acme: ["finops"] }, "acme")).map(({ scope }) => scope)).toEqual(["tenant"]);
  const put = (roles: Record<string, "finops"[]>, tenant: string, scope: string) =>
    asOperator(around, roles, "PUT", `${service.url}/v1/budgets/${encodeURIComponent(scope)}?tenant=${tenant}`, {
      ...{ unit: "actions", window: "day", limit: 1 },
    });
  for (const scope of ["org", named]) expect((await put({ acme: ["finops"] }, "acme", scope)).status, scope).toBe(422);
  expect((await put({ acme: ["finops"] }, org, "org")).status).toBe(403);
  expect((await put({ [org]: ["finops"] }, org, "org")).status).toBe(200);
  expect(await reserve("globex", { [named]: 1 })).toMatchObject({ reserved: false });
});

test("usage reported from elsewhere counts on the organisation's budgets", async () => {
  const limits = [limit("org", 1_000, { unit: "micro_usd" })];
  await around.publish(org, 3, [], { organisation: { rule: "org.yaml:1", members: ["acme", "globex"], limits } });
  await until(async () => (await lines({ [org]: ["finops"] }, org))[0]?.unit === "micro_usd");
  await until(async () => {
    await service.as("authz-0").reportUsage({ tenant: "acme", agent: "a", usageId: "u-1", microUsd: 700n, tokens: 0n });
    return (await books(around, org, "org")).settled >= 700;
  });
  const answer = await service
    .as("authz-0")
    .reserve({ decisionId: v7(), amounts: [{ account: account("globex", named, { unit: "micro_usd" }), units: 301n }] });
  expect(answer.reserved).toBe(false);
});

test("an organisation's budget counts euros by its own rates, whatever its members declare, also once the real cost is known", async () => {
  const euros = (rate: number) => ({ exchangeRates: { rule: "rates.yaml:1", usd: { EUR: rate } } });
  const limits = [limit("org", 10_000, { unit: "micro_usd" })];
  await around.publish(org, 4, [], { organisation: { rule: "org.yaml:1", members: ["acme"], limits }, ...euros(2) });
  await around.publish("acme", 2, [limit("tenant", 80)], { memberOf: org, ...euros(0.01) });
  const before = (await held()).settled;
  const usage = { tenant: "acme", agent: "a", tokens: 0n, microUsd: 0n, currency: "EUR", micro: 100n };
  await until(async () => (await lines({ [org]: ["finops"] }, org)).some(({ remaining }) => remaining > 1_000));
  await until(() =>
    service
      .as("authz-0")
      .reportUsage({ ...usage, usageId: "u-eur" })
      .then(Boolean, () => false),
  );
  expect((await held()).settled - before, "used elsewhere").toBe(200);
  const made = decision({ tenant: "acme" });
  const amounts = [{ account: account("acme", named, { unit: "micro_usd" }), units: 200n }];
  expect(await service.as("authz-0").reserve({ decisionId: made.data.decisionId, amounts })).toMatchObject({ reserved: true });
  const money = { currency: "EUR", micro: 90, rate: 0.01 };
  await say(around, made);
  await say(around, outcome(made, "executed", { microUsd: 1, tokens: 0, money }));
  await until(async () => (await held()).settled > before + 200);
  expect((await held()).settled - before, "and by a call").toBe(380);
});

test("a member's transactions reach no other account of the organisation's tenant, and no account of another member", async () => {
  const seen = await inTenant(around.db, "acme", async (trx) => {
    await sql`select set_config('aegis.organisations', ${org}, true)`.execute(trx);
    return (await sql<{ tenant: string; scope: string }>`select distinct tenant, scope from accounts`.execute(trx)).rows;
  });
  for (const { tenant, scope } of seen) expect(tenant === "acme" || (tenant === org && scope === "org")).toBe(true);
  expect(seen.some(({ tenant }) => tenant === org)).toBe(true);
});
