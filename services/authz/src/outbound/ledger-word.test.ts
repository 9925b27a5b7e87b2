import { createLogger } from "@aegis/service/logger";
import { expect, test } from "vitest";
import { hearLedger } from "./ledger-word.ts";

const logger = createLogger({ service: "test", instance: "test", level: "silent" });

function given(end: number) {
  const state = { now: 0, end, inFlight: 0, released: 0, sent: [] as string[] };
  const hear = hearLedger({
    spool: { release: async (_, sequence) => void Object.assign(state, { released: sequence }), last: () => state.end },
    publisher: { sendAgain: async (_, first, last) => void state.sent.push(`${first}-${last}`), inFlight: () => state.inFlight },
    logger,
    now: () => state.now,
  });
  const say = (sequence: number, highest: number, ...missing: [number, number][]) => {
    state.now += 1_000;
    return hear({ epoch: "e", sequence, highest, missing });
  };
  return { state, say };
}

test("what the ledger has is freed, and nothing is sent again while it has all there is", async () => {
  const { state, say } = given(10);
  for (let second = 0; second < 20; second++) await say(10, 10);
  expect(state).toMatchObject({ released: 10, sent: [] });
});

test("a hole told of twice is sent again, and not at every word", async () => {
  const { state, say } = given(10);
  await say(3, 10, [4, 5]);
  expect(state.sent).toEqual([]);
  await say(3, 10, [4, 5]);
  expect(state.sent).toEqual(["4-5"]);
  await say(3, 10, [4, 5]);
  expect(state.sent).toHaveLength(1);
  for (let second = 0; second < 300; second++) await say(3, 10, [4, 5]);
  expect(state.sent.length).toBeGreaterThan(3);
  expect(state.sent.length).toBeLessThan(12);
});

test("holes that come and go under load are none; once one is filled the next is not kept waiting", async () => {
  const { state, say } = given(1_000);
  for (let second = 1; second < 50; second++) await say(second * 10, second * 10 + 5, [second * 10 + 1, second * 10 + 2]);
  expect(state.sent).toEqual([]);
  for (let second = 0; second < 30; second++) await say(500, 600, [501, 501], [520, 520]);
  const before = state.sent.length;
  for (let second = 0; second < 4; second++) await say(519, 600, [520, 520]);
  expect(state.sent.slice(before)).toContain("520-520");
});

test("an end that JetStream acknowledged and the ledger never got is sent again once the ledger stands still", async () => {
  const { state, say } = given(10);
  for (let second = 0; second < 5; second++) await say(7, 7);
  expect(state.sent).toEqual([]);
  state.inFlight = 1;
  for (let second = 0; second < 5; second++) await say(7, 7);
  expect(state.sent, "what waits for JetStream's answer is not lost").toEqual([]);
  state.inFlight = 0;
  await say(7, 7);
  expect(state.sent).toEqual(["8-10"]);
});

test("the word of a service that tells no holes frees as before", async () => {
  const { state, say } = given(10);
  await say(7, 7);
  expect(state.released).toBe(7);
});
