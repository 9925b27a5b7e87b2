import { inTenant } from "@aegis/postgres/tenant";
import { until } from "@aegis/testkit/until";
import { sql } from "kysely";
import { v7 } from "uuid";
import { afterAll, beforeAll, expect, test } from "vitest";
import { account, books, limit, type Running, type Surroundings, surroundings, total } from "./running.ts";

let around: Surroundings;
let service: Running;

beforeAll(async () => {
  around = await surroundings();
  await around.publish("acme", 1, [
    limit("agent/asks", 10, { soft: { units: 6, action: "approval_needed" } }),
    limit("agent/slow", 10, { soft: { units: 4, action: "throttle" } }),
    limit("agent/told", 10, { soft: { units: 3, action: "notify" } }),
    limit("agent/strict", 10, { soft: { units: 6, action: "throttle" } }),
    limit("agent/s*", 10, { soft: { units: 6, action: "approval_needed" } }),
  ]);
  service = await around.start("budget-0");
});
afterAll(async () => around?.[Symbol.asyncDispose]());

const ask = (scope: string, units = 1, want = units, caller = "authz-0") =>
  service.as(caller).lease({ account: account("acme", scope), holder: "e1", need: BigInt(units), want: BigInt(want) });
const reserve = (scope: string, units: number, pastSoft: boolean) =>
  service.as("authz-0").reserve({ decisionId: v7(), amounts: [{ account: account("acme", scope), units: BigInt(units) }], pastSoft });

test("past the threshold nothing is given without a person, and with one no more than the limit", async () => {
  const scope = "agent/asks";
  expect(await ask(scope, 1, 100)).toMatchObject({ granted: 6n });
  expect(await ask(scope)).toMatchObject({ granted: 0n, softAction: "approval_needed" });
  expect(await reserve(scope, 1, false)).toMatchObject({ reserved: false, softAction: "approval_needed" });
  expect(await reserve(scope, 3, true)).toMatchObject({ reserved: true });
  expect(await reserve(scope, 2, true), "the limit itself asks nobody").toMatchObject({ reserved: false, softAction: "" });
  expect(await ask(scope, 2), "more than the limit holds is no question").toMatchObject({ granted: 0n, softAction: "" });
  expect(await reserve(scope, 1, true)).toMatchObject({ reserved: true });
  expect(total(await books(around, "acme", scope))).toBe(10);
});

test("100 calls at once before the threshold: exactly as many are given as lie before it", async () => {
  const scope = "agent/strict";
  const answers = await Promise.all(Array.from({ length: 100 }, (_, at) => ask(scope, 1, 1, `authz-${at % 3}`)));
  expect(answers.filter(({ granted }) => granted === 1n)).toHaveLength(6);
  expect(answers.find(({ granted }) => granted === 0n)?.softAction, "a question beats a pace").toBe("approval_needed");
});

test("past a throttling threshold one call goes ahead, and the next has to wait for what remains to be spread", async () => {
  const scope = "agent/slow";
  expect(await ask(scope, 4)).toMatchObject({ granted: 4n });
  const answers = await Promise.all(Array.from({ length: 20 }, () => reserve(scope, 1, false)));
  expect(answers.filter(({ reserved }) => reserved)).toHaveLength(1);
  const waiting = answers.filter(({ reserved }) => !reserved);
  expect(new Set(waiting.map(({ softAction }) => softAction))).toEqual(new Set(["throttle"]));
  // At least a sixth of what is left of the day, unless the day is about to end.
  expect(Number(waiting[0]?.retryAfter?.seconds ?? 0n) + Number(waiting[0]?.retryAfter?.nanos ?? 0)).toBeGreaterThan(0);
});

test("people are told where the policy says", async () => {
  const scope = "agent/told";
  const told = async () => {
    const { rows } = await inTenant(around.db, "acme", (trx) =>
      sql<{ threshold_told: number | null }>`select threshold_told from accounts where scope = ${scope}`.execute(trx),
    );
    return rows[0]?.threshold_told;
  };
  await reserve(scope, 2, false);
  expect(await told()).toBeNull();
  await reserve(scope, 1, false);
  await until(async () => (await told()) === 10);
});
