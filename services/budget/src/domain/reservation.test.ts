import { expect, test } from "vitest";
import { measured, releaseAll, settleAll } from "./reservation.ts";

const held = (scope: string, unit: string, units: number) => ({ scope, unit, window: "day", units });

test("the actual amount fills what several leases gave, and frees the rest", () => {
  const settled = settleAll([held("tenant", "micro_usd", 3), held("tenant", "micro_usd", 5)], measured({ microUsd: 4, tokens: 0 }));
  expect(settled.map((one) => one.settlement)).toEqual([
    { settled: 3, released: 0, overrun: 0 },
    { settled: 1, released: 4, overrun: 0 },
  ]);
});

test("what fits in no reservation of the account is owed once", () => {
  const settled = settleAll([held("tenant", "micro_usd", 3), held("tenant", "micro_usd", 5)], measured({ microUsd: 10, tokens: 0 }));
  expect(settled.map((one) => one.settlement.overrun)).toEqual([0, 2]);
});

test("each account pays the whole amount", () => {
  const settled = settleAll([held("tenant", "micro_usd", 5), held("agent/a", "micro_usd", 5)], measured({ microUsd: 4, tokens: 0 }));
  expect(settled.map((one) => one.settlement.settled)).toEqual([4, 4]);
});

test("actions, and everything nobody measured, stand as reserved", () => {
  expect(settleAll([held("tenant", "actions", 1)], measured({ microUsd: 0, tokens: 0 }))[0]?.settlement.settled).toBe(1);
  expect(settleAll([held("tenant", "micro_usd", 7)], measured(undefined))[0]?.settlement.settled).toBe(7);
});

test("a failed call costs nothing", () => {
  expect(releaseAll([held("tenant", "actions", 1)])[0]?.settlement).toEqual({ settled: 0, released: 1, overrun: 0 });
});
