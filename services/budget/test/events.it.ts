import { consume } from "@aegis/bus/consume";
import type { DecisionEvent } from "@aegis/contracts/decision-event";
import type { OutcomeEvent } from "@aegis/contracts/outcome-event";
import { subjects } from "@aegis/contracts/subjects";
import { connectDatabase } from "@aegis/postgres/connect";
import { inTenant } from "@aegis/postgres/tenant";
import { testLogger } from "@aegis/testkit/fabric";
import { until } from "@aegis/testkit/until";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { sql } from "kysely";
import { v7 } from "uuid";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  account,
  asOperator,
  books,
  decision,
  limit,
  outcome,
  type Running,
  type Surroundings,
  say,
  surroundings,
  total,
} from "./running.ts";

let around: Surroundings;
let service: Running;

beforeAll(async () => {
  around = await surroundings();
  await around.publish("acme", 1, [
    limit("agent/*", 1_000),
    limit("agent/*", 1_000, { unit: "micro_usd" }),
    limit("prompt/*", 100, { unit: "tokens" }),
  ]);
  service = await around.start("budget-0");
});
afterAll(async () => around?.[Symbol.asyncDispose]());

const lease = async (scope: string, units: number, unit = "actions", epoch = "e1") => {
  const answer = await service
    .as("authz-0")
    .lease({ account: account("acme", scope, { unit }), holder: epoch, need: BigInt(units), want: BigInt(units) });
  expect(answer.granted).toBe(BigInt(units));
  return answer.leaseId;
};
const taken = (scope: string, leaseId: string, units: number, unit: "actions" | "micro_usd" = "actions") => ({
  scope,
  unit,
  window: "day" as const,
  units,
  leaseId,
});

test("a decision's units move from the lease to the decision, and are settled at what it cost", async () => {
  const scope = "agent/pays";
  const leaseId = await lease(scope, 100, "micro_usd");
  const made = decision({ tenant: "acme", reservations: [taken(scope, leaseId, 60, "micro_usd")] });
  await say(around, made);
  await until(async () => (await books(around, "acme", scope)).reserved === 60);
  expect(await books(around, "acme", scope)).toEqual({ leased: 40, reserved: 60, settled: 0, overrun: 0 });
  await say(around, outcome(made, "executed", { microUsd: 45, tokens: 0 }));
  await until(async () => (await books(around, "acme", scope)).settled === 45);
  await service.as("authz-0").release({ what: { case: "leaseId", value: leaseId }, spent: 60n });
  expect(await books(around, "acme", scope)).toEqual({ leased: 0, reserved: 0, settled: 45, overrun: 0 });
});

test("a lease given back before its decisions are heard keeps what they took", async () => {
  const scope = "agent/early";
  const leaseId = await lease(scope, 10);
  await service.as("authz-0").release({ what: { case: "leaseId", value: leaseId }, spent: 4n });
  expect(await books(around, "acme", scope)).toMatchObject({ leased: 4 });
  await service.as("authz-0").release({ what: { case: "leaseId", value: leaseId }, spent: 0n });
  expect(await books(around, "acme", scope)).toMatchObject({ leased: 4 });
  await say(around, decision({ tenant: "acme", reservations: [taken(scope, leaseId, 4)] }));
  await until(async () => (await books(around, "acme", scope)).reserved === 4);
  expect(await books(around, "acme", scope)).toMatchObject({ leased: 0 });
});

test("failed and rolled back calls cost nothing, an outcome without figures stands as reserved", async () => {
  const scope = "agent/mixed";
  const leaseId = await lease(scope, 40);
  const made = (["failed", "rolled_back", "executed"] as const).map((name) => ({
    name,
    event: decision({ tenant: "acme", reservations: [taken(scope, leaseId, 10)] }),
  }));
  // Outcomes first: events may overtake each other.
  for (const { name, event } of made) await say(around, outcome(event, name));
  for (const { event } of made) await say(around, event);
  await until(async () => (await books(around, "acme", scope)).settled === 10);
  expect(await books(around, "acme", scope)).toEqual({ leased: 10, reserved: 0, settled: 10, overrun: 0 });
});

test("denied and dry-run calls cost nothing", async () => {
  const scope = "agent/denied";
  const leaseId = await lease(scope, 10);
  await say(around, decision({ tenant: "acme", reservations: [taken(scope, leaseId, 3)], decision: "deny" }));
  await say(around, decision({ tenant: "acme", reservations: [taken(scope, leaseId, 3)], dryRun: true }));
  await say(around, decision({ tenant: "acme", reservations: [taken(scope, leaseId, 2)], decision: "sanitize" }));
  await until(async () => (await books(around, "acme", scope)).reserved === 2);
  expect(await books(around, "acme", scope)).toMatchObject({ leased: 8 });
});

test("what costs more than was reserved is owed, and leaves that much less", async () => {
  const scope = "agent/dear";
  const leaseId = await lease(scope, 1_000, "micro_usd");
  const made = decision({ tenant: "acme", reservations: [taken(scope, leaseId, 1_000, "micro_usd")] });
  await say(around, made);
  await say(around, outcome(made, "executed", { microUsd: 1_200, tokens: 0 }));
  await until(async () => (await books(around, "acme", scope)).settled === 1_000);
  expect(await books(around, "acme", scope)).toEqual({ leased: 0, reserved: 0, settled: 1_000, overrun: 200 });
});

test("a tenant whose books refuse its events holds up no other's, and is caught up once they take them", async () => {
  const scope = "agent/behind";
  const others = "agent/unharmed";
  await around.publish("broken", 1, [limit("agent/*", 1_000)]);
  const granted = await until(async () => {
    const answer = await service.as("authz-0").lease({ account: account("broken", scope), holder: "e1", need: 10n, want: 10n });
    return answer.granted === 10n ? answer.leaseId : undefined;
  });
  await using owner = connectDatabase({ url: around.database.superuserUrl, name: "test", schema: "budget", maxConnections: 1 });
  await sql`alter table budget.accounts add constraint refuse check (tenant <> 'broken' or reserved = 0)`.execute(owner);
  try {
    await say(around, decision({ tenant: "broken", reservations: [taken(scope, granted, 4)] }));
    for (let units = 1; units <= 3; units++) {
      const leaseId = await lease(others, 1);
      await say(around, decision({ tenant: "acme", reservations: [taken(others, leaseId, 1)] }));
      await until(async () => (await books(around, "acme", others)).reserved === units, { timeoutMs: 5_000 });
    }
    expect(await books(around, "broken", scope)).toMatchObject({ leased: 10, reserved: 0 });
  } finally {
    await sql`alter table budget.accounts drop constraint refuse`.execute(owner);
  }
  await until(async () => (await books(around, "broken", scope)).reserved === 4, { timeoutMs: 60_000 });
  expect(await books(around, "broken", scope)).toMatchObject({ leased: 6 });
});

test("events ten times each, shuffled, across kill -9 of the service: counted once", async () => {
  const scope = "agent/stormy";
  const leases = [await lease(scope, 100), await lease(scope, 100)];
  const events: (DecisionEvent | OutcomeEvent)[] = [];
  for (let index = 0; index < 40; index++) {
    const made = decision({ tenant: "acme", reservations: leases.map((leaseId) => taken(scope, leaseId, 2)) });
    events.push(made);
    if (index % 4 !== 3) events.push(outcome(made, index % 4 === 0 ? "failed" : "executed"));
  }
  const storm = Array.from({ length: 10 }, () => events).flat();
  storm.sort(() => Math.random() - 0.5);
  const half = storm.length / 2;
  await Promise.all(storm.slice(0, half).map((event) => say(around, event)));
  await service.kill();
  service = await around.start("budget-0");
  await Promise.all(storm.slice(half).map((event) => say(around, event)));
  await until(async () => (await books(around, "acme", scope)).settled === 80 && (await books(around, "acme", scope)).reserved === 40);
  expect(await books(around, "acme", scope)).toEqual({ leased: 40, reserved: 40, settled: 80, overrun: 0 });
});

test("units a closed lease no longer covers are owed and raise an alarm, never forgotten", async () => {
  const scope = "agent/late";
  const leaseId = await lease(scope, 10);
  await service.as("authz-0").release({ what: { case: "leaseId", value: leaseId }, spent: 0n });
  const made = decision({ tenant: "acme", reservations: [taken(scope, leaseId, 6)] });
  await say(around, made);
  await until(async () => (await books(around, "acme", scope)).overrun === 6);
  await until(() => service.output().includes("lease_overdrawn"));
  await say(around, outcome(made, "failed"));
  await until(async () => total(await books(around, "acme", scope)) + (await books(around, "acme", scope)).overrun === 0);
});

test("a decision nobody reported on counts as spent after ten minutes", async () => {
  const scope = "agent/silent";
  const leaseId = await lease(scope, 10);
  await say(around, decision({ tenant: "acme", reservations: [taken(scope, leaseId, 5)], at: Date.now() - 11 * 60_000 }));
  await say(around, decision({ tenant: "acme", reservations: [taken(scope, leaseId, 3)], at: Date.now() - 9 * 60_000 }));
  await until(async () => (await books(around, "acme", scope)).settled === 5);
  expect(await books(around, "acme", scope)).toMatchObject({ reserved: 3, leased: 2 });
});

test("usage reported twice counts once, and beyond the limit it is owed", async () => {
  const usage = { tenant: "acme", agent: "model-user", promptId: "p-9", sessionId: "", tokens: 70n, microUsd: 5n };
  const client = service.as("authz-0");
  expect((await client.reportUsage({ ...usage, usageId: "u-1" })).recorded).toBe(true);
  expect((await client.reportUsage({ ...usage, usageId: "u-1" })).recorded).toBe(false);
  expect(await books(around, "acme", "prompt/p-9")).toMatchObject({ settled: 70, overrun: 0 });
  await client.reportUsage({ ...usage, usageId: "u-2" });
  expect(await books(around, "acme", "prompt/p-9")).toMatchObject({ settled: 100, overrun: 40 });
  expect((await books(around, "acme", "agent/model-user")).settled).toBe(10);
  const shown = await asOperator(around, { acme: ["finops"] }, "GET", `${service.url}/v1/budgets?tenant=acme&prompt=p-9`);
  expect(shown.body).toMatchObject([{ scope: "prompt/p-9", unit: "tokens", window: "prompt", limit: 100, settled: 140, remaining: 0 }]);
});

test("people are told once when a budget runs low and once when it is out", async () => {
  const told: { type: string; data: { scope: string; used: number; limit: number } }[] = [];
  await using _ = consume(around.nats.bus, {
    stream: "CONTROL",
    durable: "observer",
    filter: "aegis.budget.>",
    logger: testLogger(),
    async onBatch(messages) {
      for (const message of messages) {
        const name = message.subject.endsWith("exhausted") ? ("budgetExhausted" as const) : ("budgetThreshold" as const);
        told.push(subjects[name].schema.parse(message.json()) as never);
        await message.ack();
      }
    },
  });
  const one = account("acme", "agent/low");
  const reserve = (units: bigint) => service.as("authz-0").reserve({ decisionId: v7(), amounts: [{ account: one, units }] });
  for (const units of [700n, 100n, 100n, 50n]) await reserve(units);
  for (let time = 0; time < 5; time++) expect((await reserve(51n)).reserved).toBe(false);
  await until(() => told.filter((event) => event.data.scope === "agent/low").length >= 2);
  expect(told.filter((event) => event.data.scope === "agent/low").map((event) => [event.type, event.data.used])).toEqual([
    ["dev.aegis.budget.threshold.v1", 800],
    ["dev.aegis.budget.exhausted.v1", 950],
  ]);
});

test("what was spent is told by agent and by tool", async () => {
  const made = decision({ tenant: "acme", agent: "spender" });
  await say(around, made);
  await say(around, outcome(made, "executed", { microUsd: 7, tokens: 2 }));
  await say(around, decision({ tenant: "acme", agent: "spender" }));
  const failed = decision({ tenant: "acme", agent: "spender" });
  await say(around, failed);
  await say(around, outcome(failed, "failed"));
  const spend = async (by: string) =>
    (await asOperator(around, { acme: ["finops"] }, "GET", `${service.url}/v1/spend?tenant=acme&by=${by}`)).body;
  await until(async () =>
    (await spend("agent")).some((row: { key: string; microUsd: number }) => row.key === "spender" && row.microUsd === 17),
  );
  expect(await spend("agent")).toContainEqual({ key: "spender", microUsd: 17, tokens: 3, actions: 2 });
  expect((await spend("tenant")).map((row: { key: string }) => row.key)).toEqual(["acme"]);
});

test("what a dead holder left unspent comes back once its successor has been seen and its decisions heard", async () => {
  const scope = "agent/orphan";
  const leaseId = await lease(scope, 50, "actions", "life-1");
  await say(around, decision({ tenant: "acme", reservations: [taken(scope, leaseId, 20)], epoch: "life-1" }));
  await until(async () => (await books(around, "acme", scope)).reserved === 20);
  expect((await books(around, "acme", scope)).leased).toBe(30);
  await lease("agent/other", 1, "actions", "life-2");
  // Time passes: the service's grace is half a minute.
  await using admin = asAdministrator();
  await sql`update budget.epochs set superseded_at = superseded_at - interval '1 minute' where epoch = 'life-1'`.execute(admin);
  await until(async () => (await books(around, "acme", scope)).leased === 0, { timeoutMs: 100_000 });
  expect(await books(around, "acme", scope)).toMatchObject({ leased: 0, reserved: 20 });
}, 120_000);

test("a lease of a living holder is not taken back for being late, only once its later decisions were heard", async () => {
  const scope = "agent/slow";
  const leaseId = await lease(scope, 50, "actions", "life-3");
  await using admin = asAdministrator();
  await sql`update budget.leases set expires_at = expires_at - interval '10 minutes' where id = ${leaseId}`.execute(admin);
  const other = await lease("agent/witness", 5, "actions", "life-3");
  await sql`update budget.leases set expires_at = expires_at - interval '1 minute' where id = ${other}`.execute(admin);
  await say(around, decision({ tenant: "acme", epoch: "life-3", at: Date.now() - 3 * 60_000 }));
  // The witness is later than what was heard, the slow one is earlier.
  await until(async () => (await books(around, "acme", scope)).leased === 0, { timeoutMs: 100_000 });
  expect((await books(around, "acme", "agent/witness")).leased).toBe(5);
}, 120_000);

test("what an ended lease left comes back also when its holder decides nothing more, once all that it published was heard", async () => {
  const scope = "agent/idle";
  const as = service.as("authz-1");
  const { leaseId } = await as.lease({ account: account("acme", scope), holder: "life-1", need: 50n, want: 50n });
  await using admin = asAdministrator();
  await sql`update budget.leases set expires_at = expires_at - interval '10 minutes' where id = ${leaseId}`.execute(admin);
  const heard = async () =>
    (await sql<{ heard: boolean }>`select heard_until is not null as heard from budget.epochs where producer = 'authz-1'`.execute(admin))
      .rows;
  // It has something to publish yet: however often it says so, nothing is taken from it.
  for (let time = 0; time < 3; time++) await as.alive({ holder: "life-1", published: false });
  expect(await heard()).toEqual([{ heard: false }]);
  await say(around, decision({ tenant: "acme", reservations: [taken(scope, leaseId, 7)], producer: "authz-2", epoch: "life-1" }));
  const back = async () => {
    await as.alive({ holder: "life-1", published: true, saidAt: timestampFromMs(Date.now()) });
    return (await books(around, "acme", scope)).leased === 0;
  };
  await until(back, { timeoutMs: 100_000 });
  expect(await books(around, "acme", scope)).toEqual({ leased: 0, reserved: 7, settled: 0, overrun: 0 });
}, 120_000);

test("a life of a holder that was replaced is told so, and a new one replaces the old by living", async () => {
  const as = service.as("authz-2");
  await as.alive({ holder: "first", published: true });
  await as.alive({ holder: "second", published: false });
  await expect(as.alive({ holder: "first", published: true })).rejects.toMatchObject({ code: "precondition_failed" });
  await expect(as.lease({ account: account("acme", "agent/old"), holder: "first", need: 1n, want: 1n })).rejects.toMatchObject({
    code: "precondition_failed",
  });
});

test("reservations of another tenant cannot be seen", async () => {
  const { rows } = await inTenant(around.db, "other", (trx) => sql`select * from reservations`.execute(trx));
  expect(rows).toEqual([]);
});

function asAdministrator() {
  return connectDatabase<Record<never, never>>({ url: around.database.superuserUrl, name: "test", schema: "budget", maxConnections: 1 });
}
