import { expect, test } from "vitest";
import { hearingHolders } from "./hear-holder.ts";
import type { LeaseStore } from "./ports.ts";

function given() {
  const stream = { end: 7, floor: 0 };
  const heard: { id: string; epoch: string; until: number }[] = [];
  const clock = { time: 1_000 };
  const latest = new Map<string, string>();
  const hear = hearingHolders({
    clock: { now: () => new Date(clock.time) },
    stream: { caughtUp: () => true, end: async () => stream.end, takenIn: async (place) => stream.floor >= place },
    leases: {
      ...({} as LeaseStore),
      alive: async ({ producer, epoch }) => (latest.get(producer) ?? latest.set(producer, epoch).get(producer)) === epoch,
      heard: async (producers) => void heard.push(...producers),
    },
  });
  return { stream, heard, clock, latest, hear };
}
const holder = { producer: "authz-0", epoch: "e" };

test("a holder's word counts from when it was said, and only once the stream of that time has been taken in", async () => {
  const { stream, heard, clock, hear } = given();
  await hear(holder, 1_000);
  clock.time = 6_000;
  stream.floor = 6;
  await hear(holder, 6_000);
  expect(heard, "one event of that time is still to be taken in").toEqual([]);
  stream.end = 9_000;
  stream.floor = 7;
  clock.time = 11_000;
  await hear(holder, 11_000);
  expect(heard).toEqual([{ id: "authz-0", epoch: "e", until: 1_000 }]);
});

test("a holder that still has something to publish says nothing of what is to come", async () => {
  const { stream, heard, hear } = given();
  stream.floor = 100;
  for (let time = 0; time < 3; time++) await hear(holder, undefined);
  expect(heard).toEqual([]);
});

test("the word of an earlier life is not that of the next, and a replaced life is told so", async () => {
  const { stream, heard, latest, hear } = given();
  stream.floor = 100;
  await hear(holder, 1_000);
  latest.set("authz-0", "next");
  await expect(hear(holder, 1_000)).rejects.toMatchObject({ code: "precondition_failed" });
  await hear({ ...holder, epoch: "next" }, undefined);
  expect(heard).toEqual([]);
});

test("a word that arrives late says nothing of what ended since it was said, and a clock that is ahead nothing of what is to come", async () => {
  const { stream, heard, clock, hear } = given();
  stream.floor = 100;
  clock.time = 60_000;
  await hear(holder, 1_000);
  await hear(holder, 90_000);
  await hear(holder, undefined);
  expect(heard.map(({ until }) => until)).toEqual([1_000, 60_000]);
});
