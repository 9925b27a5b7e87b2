import { validate, version } from "uuid";
import { expect, test } from "vitest";
import { ids } from "./ids.ts";

test("ids are UUIDv7 that grow, never repeat and tell their time, also while the clock stands or goes back", () => {
  let now = 1_700_000_000_000;
  const next = ids(() => now);
  const made: string[] = [];
  for (let index = 0; index < 5_000; index++) {
    if (index % 1_000 === 999) now += index % 2_000 === 999 ? 1 : -1;
    made.push(next());
  }
  expect(made.every((id) => validate(id) && version(id) === 7)).toBe(true);
  expect(made).toEqual(made.toSorted());
  expect(new Set(made).size).toBe(made.length);
  expect(Number.parseInt((made[0] as string).replaceAll("-", "").slice(0, 12), 16)).toBe(1_700_000_000_000);
});

test("two processes that start in the same millisecond make different ids", () => {
  const [one, other] = [ids(() => 5), ids(() => 5)];
  expect(one()).not.toBe(other());
});
