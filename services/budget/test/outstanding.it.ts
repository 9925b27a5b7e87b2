import { until } from "@aegis/testkit/until";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import { account, books, decision, limit, type Running, type Surroundings, say, surroundings } from "./running.ts";

let around: Surroundings;
let service: Running;

beforeAll(async () => {
  around = await surroundings();
  await around.publish("acme", 1, [limit("agent/*", 100)]);
  service = await around.start("budget-0");
});
afterAll(async () => around?.[Symbol.asyncDispose]());

const ask = (caller: string, scope: string, units: number, holder = "e1") =>
  service.as(caller).lease({ account: account("acme", scope), holder, need: BigInt(units), want: BigInt(units) });

test("whoever gets nothing learns how much others may still give back; its own leases do not count", async () => {
  const scope = "agent/shared";
  const theirs = await ask("authz-0", scope, 60);
  const own = await ask("authz-1", scope, 40);
  expect([theirs.outstanding, own.outstanding], "said of a refusal only").toEqual([0n, 0n]);
  expect(await ask("authz-1", scope, 1)).toMatchObject({ granted: 0n, remaining: 0n, outstanding: 60n });
  await say(
    around,
    decision({ tenant: "acme", reservations: [{ scope, unit: "actions", window: "day", units: 20, leaseId: theirs.leaseId }] }),
  );
  await until(async () => (await ask("authz-1", scope, 1)).outstanding === 40n);
  await service.as("authz-0").release({ what: { case: "leaseId", value: theirs.leaseId }, spent: 55n });
  expect(await ask("authz-1", scope, 9)).toMatchObject({ granted: 5n, outstanding: 0n });
  expect(await ask("authz-1", scope, 1)).toMatchObject({ granted: 0n, outstanding: 0n });
});

test("a dead holder's units are not waited for", async () => {
  const scope = "agent/orphaned";
  await ask("authz-2", scope, 100, "first life");
  expect((await ask("authz-0", scope, 1)).outstanding).toBe(100n);
  await ask("authz-2", "agent/other", 1, "second life");
  expect((await ask("authz-0", scope, 1)).outstanding).toBe(0n);
});

test("leases, returns and decisions on one scarce account at once: no transaction waits for another that waits for it", async () => {
  const scope = "agent/contended";
  const before = await deadlocks();
  await Promise.all(
    Array.from({ length: 12 }, async (_, lane) => {
      const caller = `authz-${lane % 3}`;
      for (let round = 0; round < 15; round++) {
        const { granted, leaseId } = await ask(caller, scope, 5, caller === "authz-2" ? "second life" : "e1");
        if (granted === 0n) continue;
        const taken = { scope, unit: "actions" as const, window: "day" as const, units: 1, leaseId };
        if (lane % 2 === 0) await say(around, decision({ tenant: "acme", producer: caller, reservations: [taken] }));
        await service.as(caller).release({ what: { case: "leaseId", value: leaseId }, spent: lane % 2 === 0 ? 1n : 0n });
      }
    }),
  );
  await until(async () => (await books(around, "acme", scope)).leased === 0);
  expect(await deadlocks()).toBe(before);
});

async function deadlocks(): Promise<number> {
  const { rows } = await sql<{ n: number }>`
    select deadlocks::bigint as n from pg_stat_database where datname = current_database()`.execute(around.db);
  return rows[0]?.n ?? Number.NaN;
}
