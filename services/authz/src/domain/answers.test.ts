import { expect, test } from "vitest";
import { answersKeptMs, RecentAnswers } from "./answers.ts";

test("an answer is repeated for five minutes and no longer", () => {
  const answers = new RecentAnswers<string>();
  answers.set("key", "allow", 0);
  expect(answers.get("key", answersKeptMs - 1)).toBe("allow");
  expect(answers.get("key", answersKeptMs)).toBeUndefined();
});

test("memory is bounded: the oldest go first", () => {
  const answers = new RecentAnswers<number>(3);
  for (let index = 0; index < 10; index++) answers.set(String(index), index, index);
  expect([6, 7, 8, 9].map((index) => answers.get(String(index), 10))).toEqual([undefined, 7, 8, 9]);
});

test("a few large answers push out the oldest as many small ones do", () => {
  const answers = new RecentAnswers<string>(100, 10);
  answers.set("a", "a", 0, 6);
  answers.set("b", "b", 0, 4);
  expect(answers.get("a", 0)).toBe("a");
  answers.set("c", "c", 0, 1);
  expect(["a", "b", "c"].map((key) => answers.get(key, 0))).toEqual([undefined, "b", "c"]);
});

test("the oldest go first among those that are left, whatever was forgotten or given again meanwhile", () => {
  const answers = new RecentAnswers<number>(3);
  for (const index of [0, 1, 2]) answers.set(String(index), index, index);
  answers.forget("0", 0);
  answers.set("1", 10, 3);
  answers.set("3", 3, 4);
  expect(["1", "2", "3"].map((key) => answers.get(key, 5))).toEqual([10, 2, 3]);
  answers.set("4", 4, 5);
  expect(["1", "2", "3", "4"].map((key) => answers.get(key, 5))).toEqual([10, undefined, 3, 4]);
});

test("forgetting takes only the very answer that failed", () => {
  const answers = new RecentAnswers<string>();
  answers.set("key", "first", 0);
  answers.set("key", "second", 1);
  answers.forget("key", "first");
  expect(answers.get("key", 2)).toBe("second");
  answers.forget("key", "second");
  expect(answers.get("key", 2)).toBeUndefined();
});
