import { expect, test } from "vitest";
import { announceSeconds, type KeyTimes, lingerSeconds, mayRotate, publishedKeys, signingKey } from "./signing-key.ts";

const at = (seconds: number) => seconds * 1000;
const signs = announceSeconds + 100;
const lapses = signs + lingerSeconds(300);
/** `old` signs from the start; at second 100 it is rotated out. */
const old: KeyTimes = { kid: "old", signsFrom: 0, publishedUntil: at(lapses) };
const next: KeyTimes = { kid: "new", signsFrom: at(signs), publishedUntil: undefined };
const keys = [old, next];

test.each([
  ["while the new key is announced, the old one signs", 100, "old", ["old", "new"]],
  ["until the last moment", signs - 1, "old", ["old", "new"]],
  ["then the new one signs, and the old one is still known", signs, "new", ["old", "new"]],
  ["as long as a token of it may live", lapses - 1, "new", ["old", "new"]],
  ["after that only the new one is known", lapses, "new", ["new"]],
])("%s", (_, second, signer, published) => {
  expect(signingKey(keys, at(second))?.kid).toBe(signer);
  expect(publishedKeys(keys, at(second)).map((key) => key.kid)).toEqual(published);
});

test("a token signed in a key's last second outlives neither the key nor the clocks' difference", () => {
  expect(lapses).toBeGreaterThanOrEqual(signs + 300);
});

test("no second rotation begins before the first key signs", () => {
  expect(mayRotate(keys, at(signs - 1))).toBe(false);
  expect(mayRotate(keys, at(signs))).toBe(true);
});

test("without any key in force nothing signs", () => {
  expect(signingKey([next], at(0))).toBeUndefined();
});
