import { expect, test } from "vitest";
import { until } from "./until.ts";

test("waits through failures and false answers, and gives the first real one", async () => {
  let calls = 0;
  const answer = await until(() => {
    calls++;
    if (calls === 1) throw new Error("not yet");
    return calls > 2 && { calls };
  });
  expect(answer).toEqual({ calls: 3 });
});

test("gives up in time and says what it waited for and why", async () => {
  const waiting = until(() => Promise.reject(new Error("never")), { timeoutMs: 50, intervalMs: 5, what: "the impossible" });
  await expect(waiting).rejects.toMatchObject({ message: "not within 50 ms: the impossible", cause: { message: "never" } });
});
