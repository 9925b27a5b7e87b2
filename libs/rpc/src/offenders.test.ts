import { expect, test } from "vitest";
import { Offenders } from "./offenders.ts";

function given() {
  const clock = { now: 1_000_000 };
  return { clock, offenders: new Offenders(() => clock.now) };
}

test("an address is barred at its third flood within ten seconds, and no other one is", () => {
  const { clock, offenders } = given();
  const barred = [1, 2, 3].map(() => {
    clock.now += 100;
    offenders.offended("a");
    return offenders.barred("a");
  });
  expect([barred, offenders.barred("b")]).toEqual([[false, false, true], false]);
});

test("a bar ends, and each that follows is twice as long, up to half a minute", () => {
  const { clock, offenders } = given();
  offenders.offended("a");
  offenders.offended("a");
  const lengths = Array.from({ length: 7 }, () => {
    offenders.offended("a");
    const from = clock.now;
    while (offenders.barred("a")) clock.now += 500;
    return clock.now - from;
  });
  expect(lengths).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
});

test("floods far apart bar nobody, and who has been quiet begins anew", () => {
  const { clock, offenders } = given();
  for (let i = 0; i < 5; i++) {
    offenders.offended("a");
    clock.now += 10_000;
  }
  expect(offenders.barred("a")).toBe(false);
  for (let i = 0; i < 3; i++) offenders.offended("a");
  clock.now += 20_000;
  offenders.offended("a");
  expect(offenders.barred("a")).toBe(false);
});

test("however many addresses offend, no more than a thousand are remembered", () => {
  const { offenders } = given();
  for (let i = 0; i < 3; i++) offenders.offended("first");
  for (let i = 0; i < 1_024; i++) offenders.offended(`other-${i}`);
  expect(offenders.barred("first")).toBe(false);
});
