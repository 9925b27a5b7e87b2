import { randomInt } from "node:crypto";
import { connectDatabase } from "@aegis/postgres/connect";
import { inTenant } from "@aegis/postgres/tenant";
import { until } from "@aegis/testkit/until";
import fc from "fast-check";
import { sql } from "kysely";
import { v7 } from "uuid";
import { afterAll, beforeAll, expect, test } from "vitest";
import { grantable } from "#domain/account.ts";
import { debitLease, ensure, type Tables } from "#outbound/accounts.ts";
import { account, asOperator, books, limit, type Running, type Surroundings, surroundings, total } from "./running.ts";

let around: Surroundings;
let replicas: Running[];

beforeAll(async () => {
  around = await surroundings();
  await around.publish("acme", 1, [
    limit("agent/*", 200),
    limit("tenant", 1_000_000),
    limit("prompt/*", 500),
    limit("agent/rich", 1_000, { unit: "micro_usd" }),
  ]);
  await around.publish("other", 3, [limit("tenant", 5)]);
  replicas = [await around.start("budget-0"), await around.start("budget-1")];
});
afterAll(async () => around?.[Symbol.asyncDispose]());

const replica = (index: number) => replicas[index % replicas.length] as Running;
const authz = (index: number) => replica(index).as(`authz-${index % 3}`);
const need = (index: number, scope: string, units = 1, want = units) =>
  authz(index).lease({ account: account("acme", scope), holder: "e1", need: BigInt(units), want: BigInt(want) });

test("of 400 needs of one unit against a limit of 200, exactly 200 are granted", async () => {
  const answers = await Promise.all(Array.from({ length: 400 }, (_, index) => need(index, "agent/greedy")));
  expect(answers.filter((answer) => answer.granted === 1n)).toHaveLength(200);
  expect(answers.filter((answer) => answer.granted === 0n && answer.leaseId === "")).toHaveLength(200);
  expect(total(await books(around, "acme", "agent/greedy"))).toBe(200);
});

test("the same for 400 direct reservations", async () => {
  const answers = await Promise.all(
    Array.from({ length: 400 }, (_, index) =>
      authz(index).reserve({ decisionId: v7(), amounts: [{ account: account("acme", "agent/direct"), units: 1n }] }),
    ),
  );
  expect(answers.filter((answer) => answer.reserved)).toHaveLength(200);
  expect(await books(around, "acme", "agent/direct")).toMatchObject({ leased: 0, reserved: 200, settled: 0 });
});

test("100 parallel leases and reservations in each of 20 rounds, some given back: never a unit beyond the limit", async () => {
  const scope = "prompt/fan-out";
  for (let round = 0; round < 20; round++) {
    await Promise.all(
      Array.from({ length: 100 }, async (_, index) => {
        const units = randomInt(1, 8);
        if (index % 2 === 0) {
          const lease = await need(index, scope, units, units * 3);
          if (lease.granted > 0n && index % 4 === 0) {
            const spent = BigInt(randomInt(0, Number(lease.granted) + 1));
            await authz(index).release({ what: { case: "leaseId", value: lease.leaseId }, spent });
          }
          return;
        }
        const decisionId = v7();
        const amounts = [
          { account: account("acme", scope), units: BigInt(units) },
          { account: account("acme", "tenant"), units: 1n },
        ];
        const { reserved } = await authz(index).reserve({ decisionId, amounts });
        if (reserved && index % 3 === 0) await authz(index).release({ what: { case: "decisionId", value: decisionId } });
      }),
    );
    const held = await books(around, "acme", scope);
    expect(total(held)).toBeLessThanOrEqual(500);
    expect(held.overrun).toBe(0);
  }
  expect(total(await books(around, "acme", scope))).toBeGreaterThan(450);
});

test("a reservation that one account refuses leaves nothing on the others", async () => {
  const decisionId = v7();
  const amounts = [
    { account: account("acme", "agent/modest"), units: 1n },
    { account: account("acme", "prompt/small"), units: 501n },
  ];
  const answer = await authz(0).reserve({ decisionId, amounts });
  expect(answer).toMatchObject({ reserved: false, refused: { scope: "prompt/small", unit: "actions" }, limit: 500n, remaining: 500n });
  expect(total(await books(around, "acme", "agent/modest"))).toBe(0);
});

test("one decision reserves once, however many ask at the same time", async () => {
  const request = { decisionId: v7(), amounts: [{ account: account("acme", "agent/once"), units: 7n }] };
  const answers = await Promise.all(Array.from({ length: 20 }, (_, index) => authz(index).reserve(request)));
  expect(answers.every((answer) => answer.reserved)).toBe(true);
  expect((await books(around, "acme", "agent/once")).reserved).toBe(7);
  const settle = { decisionId: request.decisionId, actual: [{ account: account("acme", "agent/once"), units: 4n }] };
  expect((await authz(0).settle(settle)).settled).toBe(true);
  expect((await authz(1).settle(settle)).settled).toBe(false);
  expect(await books(around, "acme", "agent/once")).toMatchObject({ reserved: 0, settled: 4 });
});

test("what is released cannot be reserved under the same decision again", async () => {
  const request = { decisionId: v7(), amounts: [{ account: account("acme", "agent/undone"), units: 3n }] };
  await authz(0).reserve(request);
  await authz(0).release({ what: { case: "decisionId", value: request.decisionId } });
  expect(total(await books(around, "acme", "agent/undone"))).toBe(0);
  await expect(authz(0).reserve(request)).rejects.toMatchObject({ code: "conflict" });
});

test("an unknown tenant's limits are never no limits; a known tenant's unbounded account is unlimited", async () => {
  const unknown = { account: account("nobody", "tenant"), holder: "e1", need: 1n, want: 1n };
  await expect(authz(0).lease(unknown)).rejects.toMatchObject({ code: "unavailable" });
  await expect(authz(0).reserve({ decisionId: v7(), amounts: [{ account: unknown.account, units: 1n }] })).rejects.toMatchObject({
    code: "unavailable",
  });
  expect(await authz(0).lease({ ...unknown, account: account("other", "agent/free") })).toMatchObject({ unlimited: true, granted: 0n });
});

test("a bundle with another key, or an older revision, changes no limit", async () => {
  await around.publish("other", 4, [limit("tenant", 1_000_000)], { signer: around.forger });
  await until(() => replica(0).output().includes("cannot be used"));
  await around.publish("other", 2, [limit("tenant", 1_000_000)]);
  await until(() => replica(0).output().includes("is not newer than"));
  const answer = await authz(0).lease({ account: account("other", "tenant"), holder: "e1", need: 1n, want: 1n });
  expect(answer).toMatchObject({ granted: 1n, limit: 5n });
});

test("the lowest limit wins, whoever set it", async () => {
  const url = `${replica(0).url}/v1/budgets`;
  const roles = { acme: ["finops" as const] };
  const body = { unit: "micro_usd", window: "day", limit: 300 };
  expect((await asOperator(around, { acme: ["auditor"] }, "PUT", `${url}/agent%2Frich?tenant=acme`, body)).status).toBe(403);
  const set = await asOperator(around, roles, "PUT", `${url}/agent%2Frich?tenant=acme`, body);
  expect(set).toMatchObject({ status: 200, body: [{ scope: "agent/rich", unit: "micro_usd", window: "day", limit: 300, remaining: 300 }] });
  const money = account("acme", "agent/rich", { unit: "micro_usd" });
  const answer = await authz(0).reserve({ decisionId: v7(), amounts: [{ account: money, units: 301n }] });
  expect(answer).toMatchObject({ reserved: false, limit: 300n });
  await asOperator(around, roles, "PUT", `${url}/agent/rich?tenant=acme`, { ...body, limit: 5_000 });
  expect((await asOperator(around, roles, "GET", `${url}?tenant=acme&agent=rich`)).body).toContainEqual(
    expect.objectContaining({ unit: "micro_usd", limit: 1_000 }),
  );
  expect((await asOperator(around, roles, "PUT", `${url}/tool%2Fa%252Fb?tenant=acme`, body)).status, "a limit that no policy names").toBe(
    422,
  );
  expect((await asOperator(around, roles, "PUT", `${url}/tool%2Fa%252Fb?tenant=acme`, { ...body, limit: null })).status).toBe(200);
  expect((await asOperator(around, roles, "PUT", `${url}/everything?tenant=acme`, body)).status).toBe(400);
  expect((await asOperator(around, roles, "GET", `${url}?tenant=other`)).status).toBe(403);
});

test("lowering a limit below what is spent grants nothing more, and takes nothing back", async () => {
  const url = `${replica(0).url}/v1/budgets/agent%2Flowered?tenant=acme`;
  await authz(0).reserve({ decisionId: v7(), amounts: [{ account: account("acme", "agent/lowered"), units: 100n }] });
  await asOperator(around, { acme: ["admin"] }, "PUT", url, { unit: "actions", window: "day", limit: 50 });
  expect((await need(0, "agent/lowered")).granted).toBe(0n);
  expect((await books(around, "acme", "agent/lowered")).reserved).toBe(100);
});

test("only authz moves units, and only whole, positive amounts of one tenant", async () => {
  const stranger = replica(0).as("token-0");
  const request = { account: account("acme", "tenant"), holder: "e1", need: 1n, want: 1n };
  await expect(stranger.lease(request)).rejects.toMatchObject({ code: "permission_denied" });
  await expect(stranger.reserve({ decisionId: v7(), amounts: [] })).rejects.toMatchObject({ code: "permission_denied" });
  await expect(stranger.settle({ decisionId: v7() })).rejects.toMatchObject({ code: "permission_denied" });
  await expect(stranger.release({ spent: 0n })).rejects.toMatchObject({ code: "permission_denied" });
  await expect(authz(0).lease({ ...request, need: -1n })).rejects.toMatchObject({ code: "invalid_argument" });
  await expect(authz(0).lease({ ...request, want: 2n ** 60n })).rejects.toMatchObject({ code: "invalid_argument" });
  const two = [account("acme", "tenant"), account("other", "tenant")].map((one) => ({ account: one, units: 1n }));
  await expect(authz(0).reserve({ decisionId: v7(), amounts: two })).rejects.toMatchObject({ code: "invalid_argument" });
});

test("a producer's later life fences the earlier one", async () => {
  const client = replica(0).as("authz-2");
  const request = { account: account("acme", "agent/fenced"), need: 1n, want: 1n };
  const lease = await client.lease({ ...request, holder: "e1" });
  await client.lease({ ...request, holder: "e2" });
  await expect(client.lease({ ...request, holder: "e1" })).rejects.toMatchObject({ code: "precondition_failed" });
  // What it still holds it may give back, and nobody else may.
  expect(
    (
      await replica(0)
        .as("authz-1")
        .release({ what: { case: "leaseId", value: lease.leaseId } })
    ).released,
  ).toBe(false);
  expect((await client.release({ what: { case: "leaseId", value: lease.leaseId } })).released).toBe(true);
  expect((await books(around, "acme", "agent/fenced")).leased).toBe(1);
});

test("the statement grants what the domain says", async () => {
  await using db = connectDatabase<Tables>({ url: around.database.url, name: "test", schema: "budget" });
  const units = fc.nat(120);
  const key = { tenant: "acme", scope: "agent/model", unit: "actions", window: "day", windowStart: 0 } as const;
  await fc.assert(
    fc.asyncProperty(
      fc.nat(100),
      fc.record({ leased: units, reserved: units, settled: units, overrun: units }),
      units,
      units,
      async (most, balance, n, w) => {
        const ask = { need: n + 1, want: w + 1 };
        const granted = await inTenant(db, "acme", async (trx) => {
          await ensure(trx, key, most);
          const { leased, reserved, settled, overrun } = balance;
          await sql`update accounts set leased = ${leased}, reserved = ${reserved}, settled = ${settled}, overrun = ${overrun},
          ceiling = 1000 where scope = 'agent/model'`.execute(trx);
          return (await debitLease(trx, key, { limit: most, open: most }, ask))?.last_grant ?? 0;
        });
        expect(granted).toBe(grantable(balance, most, ask));
      },
    ),
    { numRuns: 300 },
  );
});

test("another tenant's accounts do not exist", async () => {
  const counted = async (tenant: string) => {
    const { rows } = await inTenant(around.db, tenant, (trx) =>
      sql<{ many: number }>`select count(*) as many from accounts where tenant = 'acme'`.execute(trx),
    );
    return rows[0]?.many;
  };
  expect(await counted("acme")).toBeGreaterThan(0);
  expect(await counted("other")).toBe(0);
  expect((await sql<{ many: number }>`select count(*) as many from accounts`.execute(around.db)).rows[0]?.many).toBe(0);
});
