import fc from "fast-check";
import { expect, test } from "vitest";
import { dueAfter, room } from "./rate.ts";

const second = 1e6;

test("a rate lets its calls through at once, then one for each interval", () => {
  const rate = { calls: 5, seconds: 10 };
  expect(room(rate, 0, 1_000 * second)).toEqual({ calls: 5, wait: 0 });
  const full = dueAfter(rate, 0, 1_000 * second, 5, 0);
  expect(room(rate, full, 1_000 * second)).toEqual({ calls: 0, wait: 2 * second });
  expect(room(rate, full, 1_002 * second).calls).toBe(1);
  expect(room(rate, full, 1_004 * second - 1).calls).toBe(1);
  expect(room(rate, full, 2_000 * second).calls).toBe(5);
});

test("a place that came back is there again, and never more than the burst", () => {
  const rate = { calls: 3, seconds: 60 };
  const now = 1_000 * second;
  const full = dueAfter(rate, 0, now, 3, 0);
  expect(room(rate, dueAfter(rate, full, now, 0, 1), now).calls).toBe(1);
  expect(room(rate, dueAfter(rate, 0, now, 0, 3), now).calls).toBeLessThanOrEqual(3);
});

test("whatever the arrivals, no stretch of time holds more than a burst and what it refills", () => {
  const arrivals = fc.array(fc.record({ after: fc.nat(3 * second), ask: fc.integer({ min: 1, max: 9 }) }), { maxLength: 80 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 11 }), arrivals, (calls, seconds, asks) => {
      const rate = { calls, seconds };
      const went: number[] = [];
      let [now, due] = [1_700_000_000 * second, 0];
      for (const { after, ask } of asks) {
        now += after;
        const taken = Math.min(ask, room(rate, due, now).calls);
        if (taken > 0) due = dueAfter(rate, due, now, taken, 0);
        for (let one = 0; one < taken; one++) went.push(now);
      }
      for (const [first, from] of went.entries()) {
        for (const [last, until] of went.entries()) {
          if (last < first) continue;
          expect(last - first + 1).toBeLessThanOrEqual(calls + Math.floor(((until - from) * calls) / (seconds * second)) + 0);
        }
      }
    }),
  );
});
