import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { every } from "./every.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("the first round starts at once, the next one after the interval, also when one failed", async () => {
  const failures: unknown[] = [];
  let rounds = 0;
  await using _recurring = every(
    1_000,
    async () => {
      rounds++;
      if (rounds === 1) throw new Error("first");
    },
    (error) => failures.push(error),
  );
  expect(rounds).toBe(1);
  await vi.advanceTimersByTimeAsync(999);
  expect(rounds).toBe(1);
  await vi.advanceTimersByTimeAsync(1);
  expect([rounds, failures.length]).toEqual([2, 1]);
});

test("rounds never overlap; `soon` during a round makes exactly one more follow at once", async () => {
  let open = 0;
  let most = 0;
  let rounds = 0;
  await using recurring = every(
    60_000,
    async () => {
      rounds++;
      most = Math.max(most, ++open);
      await new Promise((resolve) => setTimeout(resolve, 100));
      open--;
    },
    () => undefined,
  );
  recurring.soon();
  recurring.soon();
  await vi.advanceTimersByTimeAsync(1_000);
  expect([rounds, most]).toEqual([2, 1]);
  recurring.soon();
  await vi.advanceTimersByTimeAsync(1_000);
  expect([rounds, most]).toEqual([3, 1]);
});

test("disposing waits for the round in hand and starts no other", async () => {
  let ended = 0;
  const recurring = every(
    10,
    async () => {
      await new Promise((resolve) => setTimeout(resolve, 100));
      ended++;
    },
    () => undefined,
  );
  const disposed = recurring[Symbol.asyncDispose]();
  await vi.advanceTimersByTimeAsync(1_000);
  await disposed;
  recurring.soon();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(ended).toBe(1);
});
