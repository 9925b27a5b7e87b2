import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { seal, unseal } from "./seal.ts";

const key = randomBytes(32);

test("what is sealed opens with the same key and name, and never looks the same twice", () => {
  expect(unseal(key, "k1", seal(key, "k1", "secret"))).toBe("secret");
  expect(seal(key, "k1", "secret")).not.toEqual(seal(key, "k1", "secret"));
});

test("another key, another name, any changed bit and any cut is refused", () => {
  const sealed = seal(key, "k1", "secret");
  expect(() => unseal(randomBytes(32), "k1", sealed)).toThrow("does not open");
  expect(() => unseal(key, "k2", sealed)).toThrow("does not open");
  for (let bit = 0; bit < sealed.length * 8; bit++) {
    const changed = Buffer.from(sealed);
    changed[bit >> 3]! ^= 1 << (bit & 7);
    expect(() => unseal(key, "k1", changed)).toThrow("does not open");
  }
  for (let length = 0; length < sealed.length; length++)
    expect(() => unseal(key, "k1", sealed.subarray(0, length))).toThrow("does not open");
});
