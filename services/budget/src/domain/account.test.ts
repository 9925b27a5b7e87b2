import fc from "fast-check";
import { expect, test } from "vitest";
import { type Balance, exhausted, grantable, overThreshold, paceMs, remaining, settlement, thresholdOf } from "./account.ts";
import { covered, givenBack, type Lease, outstanding } from "./lease.ts";

const empty: Balance = { leased: 0, reserved: 0, settled: 0, overrun: 0 };

test("a lease gets what is wanted while there is plenty, what is needed when it is scarce, and the rest when that is all", () => {
  expect(grantable(empty, 1_000, { need: 1, want: 100 })).toBe(100);
  expect(grantable({ ...empty, settled: 950 }, 1_000, { need: 1, want: 100 })).toBe(1);
  expect(grantable({ ...empty, settled: 998 }, 1_000, { need: 5, want: 100 })).toBe(2);
  expect(grantable({ ...empty, leased: 1_000 }, 1_000, { need: 1, want: 1 })).toBe(0);
  expect(grantable({ ...empty, settled: 1_000, overrun: 5 }, 1_000, { need: 1, want: 1 })).toBe(0);
});

test("settling takes at most what was reserved, and owes the excess", () => {
  expect(settlement(100, 60)).toEqual({ settled: 60, released: 40, overrun: 0 });
  expect(settlement(100, 100)).toEqual({ settled: 100, released: 0, overrun: 0 });
  expect(settlement(100, 130)).toEqual({ settled: 100, released: 0, overrun: 30 });
  expect(settlement(100, undefined)).toEqual({ settled: 100, released: 0, overrun: 0 });
  expect(settlement(100, 0)).toEqual({ settled: 0, released: 100, overrun: 0 });
});

test("what is leased is not spent: it neither alarms nor exhausts", () => {
  const leased = { ...empty, leased: 1_000 };
  expect(overThreshold(leased, thresholdOf(1_000, undefined))).toBe(false);
  expect(exhausted(leased, 1_000, 1)).toBe(false);
  expect(overThreshold({ ...empty, settled: 800 }, thresholdOf(1_000, undefined))).toBe(true);
  expect(exhausted({ ...empty, settled: 999, overrun: 1 }, 1_000, 1)).toBe(true);
});

test("a lease gives back what no decision took, once", () => {
  const lease: Lease = { granted: 10, attributed: 3 };
  expect(givenBack(lease, 5)).toBe(5);
  expect(givenBack(lease, 2)).toBe(7);
  expect(givenBack(lease, 12)).toBe(0);
  expect(givenBack({ ...lease, spent: 5 }, 5)).toBe(0);
  expect(covered({ ...lease, spent: 5 }, 4)).toBe(2);
});

/** One account with its leases and reservations, moved as the store moves them. */
interface World {
  limit: number;
  balance: Balance;
  leases: Lease[];
  held: number[];
}

const amount = fc.integer({ min: 1, max: 60 });
const step = fc.oneof(
  fc.record({ type: fc.constant("lease" as const), need: amount, extra: fc.nat(100) }),
  fc.record({ type: fc.constant("reserve" as const), units: amount }),
  fc.record({ type: fc.constant("attribute" as const), which: fc.nat(5), units: amount }),
  fc.record({ type: fc.constant("giveBack" as const), which: fc.nat(5), spent: fc.nat(80) }),
  fc.record({ type: fc.constant("settle" as const), which: fc.nat(5), actual: fc.option(fc.nat(80), { nil: undefined }) }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

test("in whatever order leases, reservations and outcomes come, nothing granted exceeds the limit and no unit is lost or made", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 400 }), fc.array(step, { maxLength: 60 }), (limit, steps) => {
      const world: World = { limit, balance: empty, leases: [], held: [] };
      for (const one of steps) {
        apply(world, one);
        const { leased, reserved, settled, overrun } = world.balance;
        expect(leased + reserved + settled).toBeLessThanOrEqual(limit);
        expect(Math.min(leased, reserved, settled, overrun)).toBeGreaterThanOrEqual(0);
        expect(leased).toBe(world.leases.reduce((sum, lease) => sum + outstanding(lease), 0));
        expect(reserved).toBe(world.held.reduce((sum, units) => sum + units, 0));
      }
    }),
    { numRuns: 2_000 },
  );
});

function apply(world: World, one: Step): void {
  const { balance, limit } = world;
  switch (one.type) {
    case "lease": {
      const granted = grantable(balance, limit, { need: one.need, want: one.need + one.extra });
      world.leases.push({ granted, attributed: 0 });
      world.balance = { ...balance, leased: balance.leased + granted };
      return;
    }
    case "reserve": {
      if (remaining(balance, limit) < one.units) return;
      world.held.push(one.units);
      world.balance = { ...balance, reserved: balance.reserved + one.units };
      return;
    }
    case "attribute": {
      const lease = world.leases[one.which];
      if (lease === undefined) return;
      const units = covered(lease, one.units);
      world.leases[one.which] = { ...lease, attributed: lease.attributed + units };
      world.held.push(units);
      world.balance = { ...balance, leased: balance.leased - units, reserved: balance.reserved + units };
      return;
    }
    case "giveBack": {
      const lease = world.leases[one.which];
      if (lease === undefined || lease.spent !== undefined) return;
      const back = givenBack(lease, one.spent);
      world.leases[one.which] = { ...lease, spent: Math.min(lease.granted, Math.max(one.spent, lease.attributed)) };
      world.balance = { ...balance, leased: balance.leased - back };
      return;
    }
    case "settle": {
      const [reserved] = world.held.splice(one.which, 1);
      if (reserved === undefined) return;
      const { settled, released, overrun } = settlement(reserved, one.actual);
      expect(settled + released).toBe(reserved);
      world.balance = {
        ...balance,
        reserved: balance.reserved - reserved,
        settled: balance.settled + settled,
        overrun: balance.overrun + overrun,
      };
    }
  }
}

test("people are told at 80 % or where the policy says, and a pace spreads what is left over what is left of the day", () => {
  expect([thresholdOf(1_000, undefined), thresholdOf(1_000, 300), thresholdOf(1_000, 0)]).toEqual([800, 300, 0]);
  expect(paceMs(10, 1, 3_600_000)).toBe(360_000);
  expect(paceMs(10, 5, 3_600_000)).toBe(1_800_000);
  expect(paceMs(3, 5, 1_000), "the last units wait for no longer than the window").toBe(1_000);
});
