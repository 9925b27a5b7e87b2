import fc from "fast-check";
import { expect, test } from "vitest";
import { accountKey, idleMs, LeaseBook, leaseSize, type Slice, unlimitedMs } from "./leases.ts";

const charge = (units: number, scope = "agent/a") => ({ scope, unit: "actions", window: "day", units }) as const;
const key = accountKey("acme", charge(0));
const lease = (id: string, granted: number, usableUntil = 10_000) => ({ id, granted, usableUntil, renewAfter: usableUntil / 2 });
const facts = { limit: 100, remaining: 50 };

test("takes across leases, oldest first, and never more than was granted", () => {
  const book = new LeaseBook();
  book.grant(key, lease("a", 3), facts, 0);
  book.grant(key, lease("b", 3), facts, 0);
  expect(book.take(key, charge(4), 1)?.map((slice) => [slice.lease.id, slice.units])).toEqual([
    ["a", 3],
    ["b", 1],
  ]);
  expect(book.take(key, charge(3), 1)).toBeUndefined();
  expect(book.take(key, charge(2), 1)).toHaveLength(1);
  expect(book.available(key, 1)).toBe(0);
});

test("all charges or none: what was taken first comes back when a later account is short", () => {
  const book = new LeaseBook();
  book.grant(key, lease("a", 5), facts, 0);
  expect(book.takeAll("acme", [charge(2), charge(1, "tenant")], 1)).toBeUndefined();
  expect(book.available(key, 1)).toBe(5);
});

test("an expired lease gives nothing", () => {
  const book = new LeaseBook();
  book.grant(key, lease("a", 5, 100), facts, 0);
  expect(book.take(key, charge(1), 100)).toBeUndefined();
});

test("an account without a limit is remembered only briefly", () => {
  const book = new LeaseBook();
  book.setUnlimited(key, 0);
  expect(book.take(key, charge(1_000_000), unlimitedMs - 1)).toEqual([]);
  expect(book.take(key, charge(1), unlimitedMs)).toBeUndefined();
});

test("an idle lease is collected with what was spent from it, but never while a decision is not durable", () => {
  const book = new LeaseBook();
  book.grant(key, lease("a", 5), facts, 0);
  const slices = book.take(key, charge(2), 0) as Slice[];
  expect(book.collect(idleMs)).toEqual([]);
  expect(book.take(key, charge(1), idleMs), "it is on its way back").toBeUndefined();
  book.commit(slices);
  expect(book.collect(idleMs + 1)).toMatchObject([{ account: key, lease: { id: "a", spent: 2, granted: 5 } }]);
  expect(book.collect(idleMs + 1)).toEqual([]);
});

test("an ended lease of which a decision is not durable yet is known, until the decision is", () => {
  const book = new LeaseBook();
  book.grant(key, lease("a", 5, 100), facts, 0);
  const slices = book.take(key, charge(2), 0) as Slice[];
  expect(book.endedPinned(99)).toBe(false);
  expect(book.endedPinned(100)).toBe(true);
  book.collect(100);
  expect(book.endedPinned(100), "also while it is on its way back").toBe(true);
  book.commit(slices);
  expect(book.endedPinned(100)).toBe(false);
});

test("a recall gives back what nobody uses, and later what was pinned; whoever is recalled asks for no more than it needs", () => {
  const book = new LeaseBook();
  book.grant(key, lease("used up", 2), facts, 0);
  book.grant(key, lease("pinned", 5), facts, 0);
  const [first, second] = [book.take(key, charge(2), 0) as Slice[], book.take(key, charge(1), 0) as Slice[]];
  book.commit(first);
  expect(book.recall(key, false).map(({ lease: gone }) => gone.id)).toEqual(["used up"]);
  expect(book.available(key, 0)).toBe(4);
  expect(book.recall(key, true)).toEqual([]);
  expect(book.available(key, 0)).toBe(0);
  expect(leaseSize(1, book.facts(key))).toBe(1);
  book.giveBack(second);
  expect(book.recall(key, true)).toMatchObject([{ lease: { id: "pinned", spent: 0 } }]);
});

test("more than needed is asked for only while plenty is left", () => {
  expect(leaseSize(3, undefined)).toBe(3);
  expect(leaseSize(3, { limit: 200, remaining: 10 })).toBe(3);
  expect(leaseSize(3, { limit: 200, remaining: 200 })).toBe(13);
  expect(leaseSize(3, { limit: 200, remaining: 12 })).toBe(6);
});

test("whatever happens in whatever order, spent + available = granted, and no decision's unit is lost", () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant("grant" as const), units: fc.integer({ min: 0, max: 20 }) }),
    fc.record({ do: fc.constant("take" as const), units: fc.integer({ min: 1, max: 10 }) }),
    fc.record({ do: fc.constantFrom("commit" as const, "giveBack" as const, "collect" as const), units: fc.nat() }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const book = new LeaseBook();
      const open: Slice[][] = [];
      let granted = 0;
      let returned = 0;
      let committed = 0;
      let now = 0;
      for (const [index, one] of steps.entries()) {
        now += 500;
        if (one.do === "grant") {
          granted += one.units;
          book.grant(key, { id: String(index), granted: one.units, usableUntil: 1e9, renewAfter: now + 2000 }, facts, now);
        } else if (one.do === "take") {
          const slices = book.take(key, charge(one.units), now);
          if (slices) open.push(slices);
        } else if (one.do === "collect") {
          for (const { lease: gone } of book.collect(now)) returned += gone.granted - gone.spent;
        } else {
          const slices = open.splice(one.units % Math.max(1, open.length), 1)[0] ?? [];
          if (one.do === "commit") {
            committed += slices.reduce((sum, slice) => sum + slice.units, 0);
            book.commit(slices);
          } else book.giveBack(slices);
        }
      }
      for (const slices of open) book.giveBack(slices);
      for (const { lease: gone } of book.collectAll()) returned += gone.granted - gone.spent;
      expect(returned + committed).toBe(granted);
    }),
  );
});
