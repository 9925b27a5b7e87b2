import type { BudgetService } from "@aegis/contracts/aegis/budget/v1/budget";
import type { Charge } from "@aegis/policy/input";
import type { RpcClient } from "@aegis/rpc/client";
import { createLogger } from "@aegis/service/logger";
import { expect, test } from "vitest";
import { leaseSize } from "#domain/leases.ts";
import type { Reserved } from "#usecases/ports.ts";
import { type LeasedBudget, leasedBudget } from "./budget.ts";

const charge = (units: number): Charge => ({ scope: "prompt/p", unit: "actions", window: "prompt", units });

/** One account of the budget service, in memory: pre-debited leases, and what others hold of it. */
class Account {
  left: number;
  readonly limit: number;
  readonly leases = new Map<string, { holder: string; granted: number }>();
  asked = 0;

  constructor(limit: number) {
    this.left = limit;
    this.limit = limit;
  }

  clientOf(holder: string): RpcClient<typeof BudgetService> {
    return {
      lease: async ({ need, want }: { need: bigint; want: bigint }) => {
        await new Promise(setImmediate);
        this.asked += 1;
        const granted = Math.min(this.left, Number(this.left * 20 <= this.limit ? need : want));
        this.left -= granted;
        const leaseId = `lease-${this.asked}`;
        if (granted > 0) this.leases.set(leaseId, { holder, granted });
        const others = [...this.leases.values()].filter((lease) => lease.holder !== holder);
        const outstanding = granted > 0 ? 0 : others.reduce((sum, lease) => sum + lease.granted, 0);
        const facts = { limit: BigInt(this.limit), remaining: BigInt(this.left), outstanding: BigInt(outstanding), unlimited: false };
        return { leaseId, granted: BigInt(granted), ttl: { seconds: 10n, nanos: 0 }, ...facts };
      },
      release: async ({ what, spent }: { what: { value: string }; spent: bigint }) => {
        await new Promise(setImmediate);
        const lease = this.leases.get(what.value);
        this.leases.delete(what.value);
        if (lease) this.left += lease.granted - Number(spent);
        return { released: lease !== undefined };
      },
    } as unknown as RpcClient<typeof BudgetService>;
  }
}

/** Replicas that hear each other's recalls, unless they are cut off. */
function given(limit: number, count: number) {
  const account = new Account(limit);
  const replicas: LeasedBudget[] = [];
  const cutOff = new Set<string>();
  for (let index = 0; index < count; index++) {
    const holder = `authz-${index}/e`;
    replicas.push(
      leasedBudget({
        client: account.clientOf(holder),
        holder,
        clock: { now: () => new Date() },
        logger: createLogger({ service: "test", instance: "test", level: "silent" }),
        recalls: {
          possible: () => !cutOff.has(holder),
          send(name) {
            for (const [to, replica] of replicas.entries()) if (!cutOff.has(`authz-${to}/e`)) void replica.recalled(name, holder);
          },
        },
      }),
    );
  }
  const spend = async (index: number, units = 1): Promise<Reserved> => {
    const reserved = await (replicas[index % count] as LeasedBudget).reserve("acme", [charge(units)]);
    await new Promise(setImmediate);
    if (reserved.ok) reserved.hold.commit();
    return reserved;
  };
  return { account, cutOff, spend };
}

test("150 calls to one replica, the rest to another: exactly the quota passes, and only then is it exhausted", async () => {
  const { account, spend } = given(200, 3);
  for (let call = 0; call < 150; call++) expect((await spend(0)).ok).toBe(true);
  expect(account.left, "the first holds more than it spent").toBeLessThan(50);
  const rest: boolean[] = [];
  for (let call = 0; call < 100; call++) rest.push((await spend(1)).ok);
  expect(rest.indexOf(false)).toBe(50);
  expect(rest.filter((ok) => ok)).toHaveLength(50);
});

test("400 calls over three replicas at once: exactly 200 pass, with far fewer questions than calls", async () => {
  const { account, spend } = given(200, 3);
  let call = 0;
  let passed = 0;
  const lane = async () => {
    while (call < 400) if ((await spend(call++)).ok) passed += 1;
  };
  await Promise.all(Array.from({ length: 60 }, lane));
  expect([passed, account.left]).toEqual([200, 0]);
  expect(account.asked).toBeLessThan(300);
});

test("two that both need more than is free do not take turns for ever: one of them is served", async () => {
  const { spend } = given(120, 2);
  await Promise.all([spend(0, 10), spend(1, 10)]);
  const results = await Promise.all([spend(0, 90), spend(1, 85)]);
  expect(results.filter((result) => result.ok)).toHaveLength(1);
});

test("units of a replica that cannot be heard are waited for once, and then said to be elsewhere", async () => {
  const { account, cutOff, spend } = given(200, 2);
  for (let call = 0; call < 20; call++) await spend(0);
  cutOff.add("authz-0/e");
  let refused: Reserved = await spend(1);
  while (refused.ok) refused = await spend(1);
  expect(refused).toMatchObject({ message: expect.stringContaining("another replica"), retryAfter: 1 });
  const before = account.asked;
  expect((await spend(1)).ok).toBe(false);
  expect(account.asked - before).toBe(1);
});

test("a replica that cannot be heard takes no more than it needs", async () => {
  const { account, cutOff, spend } = given(200, 2);
  cutOff.add("authz-0/e");
  for (let call = 0; call < 10; call++) await spend(0);
  expect(account.left).toBe(190);
  expect(leaseSize(1, { limit: 200, remaining: 190 })).toBeGreaterThan(1);
});
