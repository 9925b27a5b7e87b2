import type { BudgetService } from "@aegis/contracts/aegis/budget/v1/budget";
import { AegisError } from "@aegis/contracts/errors";
import type { Charge } from "@aegis/policy/input";
import type { RpcClient } from "@aegis/rpc/client";
import { createLogger } from "@aegis/service/logger";
import { expect, test } from "vitest";
import { idleMs } from "#domain/leases.ts";
import type { Reserved } from "#usecases/ports.ts";
import { leasedBudget } from "./budget.ts";

/** A budget service in memory: leases are pre-debited, a release gives the unspent back. */
class Accounts {
  readonly left = new Map<string, number>();
  readonly leases = new Map<string, { key: string; granted: number }>();
  calls = 0;
  down = false;
  ttlSeconds = 10;
  limit = 200;

  readonly client = {
    lease: async ({ account, need, want }: { account: { scope: string; unit: string }; need: bigint; want: bigint }) => {
      this.calls += 1;
      const leaseId = `lease-${this.calls}`;
      await new Promise(setImmediate);
      if (this.down) throw new AegisError("unavailable", "127.0.0.1:1 cannot be reached");
      const key = `${account.scope} ${account.unit}`;
      const left = this.left.get(key);
      if (left === undefined) return { unlimited: true, granted: 0n };
      const granted = left < need ? 0 : Math.min(left, Number(want));
      this.left.set(key, left - granted);
      if (granted > 0) this.leases.set(leaseId, { key, granted });
      const facts = { limit: BigInt(this.limit), remaining: BigInt(left - granted), outstanding: 0n, unlimited: false };
      return { leaseId, granted: BigInt(granted), ttl: { seconds: BigInt(this.ttlSeconds), nanos: 0 }, ...facts };
    },
    release: async ({ what, spent }: { what: { value: string }; spent: bigint }) => {
      await new Promise(setImmediate);
      const lease = this.leases.get(what.value);
      if (!lease) throw new Error(`lease ${what.value} is unknown or was released before`);
      this.leases.delete(what.value);
      this.left.set(lease.key, (this.left.get(lease.key) ?? 0) + lease.granted - Number(spent));
      return { released: true };
    },
  } as unknown as RpcClient<typeof BudgetService>;
}

function given(left: Record<string, number> = {}) {
  const accounts = new Accounts();
  for (const [key, units] of Object.entries(left)) accounts.left.set(key, units);
  const clock = { time: 1_000_000, now: () => new Date(clock.time) };
  const budget = leasedBudget({
    client: accounts.client,
    holder: "authz-0/e",
    clock,
    logger: createLogger({ service: "test", instance: "test", level: "silent" }),
    recalls: { possible: () => true, send: () => undefined },
  });
  return { accounts, clock, budget };
}

const actions = (scope: string, units = 1): Charge => ({ scope, unit: "actions", window: "prompt", units });

/** Reserves and, as a decision would, commits a moment later. */
async function spend(reserve: () => Reserved | Promise<Reserved>): Promise<Reserved> {
  const reserved = await reserve();
  await new Promise(setImmediate);
  if (reserved.ok) reserved.hold.commit();
  return reserved;
}

async function inParallel<T>(total: number, atOnce: number, work: () => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  let left = total;
  const lane = async () => {
    while (left-- > 0) results.push(await work());
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  return results;
}

test("400 calls, 50 at a time, against a quota of 200: exactly 200 pass, with far fewer questions than calls", async () => {
  const { budget, accounts } = given({ "prompt/p actions": 200 });
  const results = await inParallel(400, 50, () => spend(() => budget.reserve("acme", [actions("prompt/p")])));
  expect(results.filter((result) => result.ok)).toHaveLength(200);
  expect(accounts.left.get("prompt/p actions")).toBe(0);
  expect(accounts.calls).toBeLessThan(100);
});

test("the same with leases that go back all the time: what is on its way back is waited for", async () => {
  const { budget, accounts, clock } = given({ "prompt/p actions": 200 });
  let turn = 0;
  const results = await inParallel(400, 50, async () => {
    if (++turn % 7 === 0) {
      clock.time += idleMs;
      void budget.sweep();
    }
    return spend(() => budget.reserve("acme", [actions("prompt/p")]));
  });
  expect(results.filter((result) => result.ok)).toHaveLength(200);
  expect(accounts.left.get("prompt/p actions")).toBe(0);
});

test("several accounts: all or nothing, and what was taken from the others comes back", async () => {
  const { budget, accounts } = given({ "agent/a actions": 100, "prompt/p actions": 30, "tenant actions": 1000 });
  const charges = [actions("prompt/p"), actions("agent/a"), actions("tenant", 2)];
  const results = await inParallel(80, 20, () => spend(() => budget.reserve("acme", charges)));
  expect(results.filter((result) => result.ok)).toHaveLength(30);
  await budget[Symbol.asyncDispose]();
  expect(Object.fromEntries(accounts.left)).toEqual({ "agent/a actions": 70, "prompt/p actions": 0, "tenant actions": 940 });
});

test("a reservation says from which leases it was taken", async () => {
  const { budget } = given({ "prompt/p actions": 5 });
  const reserved = await budget.reserve("acme", [actions("prompt/p", 3)]);
  expect(reserved).toMatchObject({
    ok: true,
    hold: { reservations: [{ scope: "prompt/p", unit: "actions", window: "prompt", units: 3, leaseId: "lease-1" }] },
  });
});

test("once a lease is held, reserving needs no waiting at all", async () => {
  const { budget, accounts } = given({ "prompt/p actions": 200 });
  await budget.reserve("acme", [actions("prompt/p")]);
  await budget.reserve("acme", [actions("prompt/p")]);
  const before = accounts.calls;
  expect(budget.reserve("acme", [actions("prompt/p")])).not.toBeInstanceOf(Promise);
  expect(accounts.calls).toBe(before);
});

test("what does not go ahead is there for the next call", async () => {
  const { budget } = given({ "prompt/p actions": 1 });
  const first = await budget.reserve("acme", [actions("prompt/p")]);
  expect(first.ok).toBe(true);
  if (first.ok) first.hold.giveBack();
  expect((await budget.reserve("acme", [actions("prompt/p")])).ok).toBe(true);
  expect((await budget.reserve("acme", [actions("prompt/p")])).ok).toBe(false);
});

test("with the budget service away, held leases are spent and then nothing is allowed", async () => {
  const { budget, accounts } = given({ "prompt/p actions": 200 });
  await spend(() => budget.reserve("acme", [actions("prompt/p")]));
  await spend(() => budget.reserve("acme", [actions("prompt/p")]));
  const held = 200 - (accounts.left.get("prompt/p actions") ?? 0) - 2;
  accounts.down = true;
  const results = await inParallel(100, 10, () => spend(() => budget.reserve("acme", [actions("prompt/p")])));
  expect(results.filter((result) => result.ok)).toHaveLength(held);
  const refused = results.find((result) => !result.ok);
  expect(refused).toMatchObject({ ok: false, retryAfter: expect.any(Number) });
});

test("an expired lease is not spent, even when the service cannot be asked", async () => {
  const { budget, accounts, clock } = given({ "prompt/p actions": 200 });
  await spend(() => budget.reserve("acme", [actions("prompt/p")]));
  await spend(() => budget.reserve("acme", [actions("prompt/p")]));
  accounts.down = true;
  clock.time += accounts.ttlSeconds * 1000;
  expect((await budget.reserve("acme", [actions("prompt/p")])).ok).toBe(false);
});

test("an account without a limit is not counted, and is asked about again only later", async () => {
  const { budget, accounts } = given();
  expect(await budget.reserve("acme", [actions("prompt/p")])).toMatchObject({ ok: true, hold: { reservations: [] } });
  const before = accounts.calls;
  await budget.reserve("acme", [actions("prompt/p")]);
  expect(accounts.calls).toBe(before);
});

test("a service that has not read the newest policies yet gets a moment before its word is taken", async () => {
  const { budget, accounts } = given();
  const reserved = budget.reserve("acme", [actions("prompt/p")]);
  setTimeout(() => accounts.left.set("prompt/p actions", 1), 200);
  expect(await reserved).toMatchObject({ ok: true, hold: { reservations: [{ units: 1 }] } });
  expect((await budget.reserve("acme", [actions("prompt/p")])).ok).toBe(false);
});

test("idle leases and, at the end, all others go back with exactly what was spent", async () => {
  const { budget, accounts, clock } = given({ "prompt/p actions": 200, "prompt/q actions": 200 });
  for (const scope of ["prompt/p", "prompt/q"]) {
    await spend(() => budget.reserve("acme", [actions(scope)]));
    await spend(() => budget.reserve("acme", [actions(scope)]));
  }
  clock.time += idleMs;
  await spend(() => budget.reserve("acme", [actions("prompt/q")]));
  await budget.sweep();
  expect(accounts.left.get("prompt/p actions")).toBe(198);
  await budget[Symbol.asyncDispose]();
  expect([accounts.left.get("prompt/q actions"), accounts.leases.size]).toEqual([197, 0]);
});

test("charges of nothing ask nobody", async () => {
  const { budget, accounts } = given();
  expect(budget.reserve("acme", [actions("tenant", 0)])).toMatchObject({ ok: true });
  expect(accounts.calls).toBe(0);
});

test("calls that their own tenant's budget does not hold keep nothing of the organisation's from another tenant's calls", async () => {
  const { budget } = given({ "tool/a actions": 5, "tool/b actions": 5, "org/group actions": 8 });
  const call = (tenant: string, tool: string) => budget.reserve(tenant, [actions("org/group"), actions(`tool/${tool}`)]);
  const asked = [...Array.from({ length: 10 }, () => call("acme", "a")), ...Array.from({ length: 10 }, () => call("globex", "b"))];
  const answers = await Promise.all(asked);
  expect(answers.map(({ ok }) => ok).filter(Boolean)).toHaveLength(8);
});
