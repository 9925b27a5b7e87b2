import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { parseIJson } from "./ijson.ts";
import { canonicalize } from "./jcs.ts";

const load = <T>(name: string) => JSON.parse(readFileSync(new URL(`../../../vectors/digests/${name}`, import.meta.url), "utf8")) as T;

test.each(load<{ name: string; text: string; canonical: string }[]>("canonical.json"))("$name", ({ text, canonical }) => {
  expect(canonicalize(parseIJson(text))).toBe(canonical);
  expect(canonicalize(parseIJson(canonical))).toBe(canonical);
});

test.each(load<{ cases: { bits: string; text: string | null }[] }>("numbers.json").cases)(
  "RFC 8785 appendix B: $bits is $text",
  ({ bits, text }) => {
    const value = Buffer.from(bits, "hex").readDoubleBE();
    if (text === null) expect(() => canonicalize(value)).toThrow("no canonical form");
    else expect(canonicalize(value)).toBe(text);
  },
);

test("a value and its canonical form say the same, and the form is stable", () => {
  fc.assert(
    fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
      fc.pre(!/\\ud[89a-f]/.test(JSON.stringify(value)));
      const text = canonicalize(value);
      expect(canonicalize(JSON.parse(text))).toBe(text);
      expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
    }),
    { numRuns: 500 },
  );
});

test("the order in which members were set does not show", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.tuple(fc.string({ unit: "grapheme" }), fc.integer()), { selector: ([name]) => name }), (members) => {
      fc.pre(members.every(([name]) => name.isWellFormed()));
      expect(canonicalize(Object.fromEntries(members.toReversed()))).toBe(canonicalize(Object.fromEntries(members)));
    }),
  );
});

test("what is not plain data is refused, and an undefined member is absent", () => {
  for (const value of [undefined, 1n, () => 1, Symbol("x"), new Date(0), new Map(), "\ud800", { "\udc00": 1 }, [undefined]]) {
    expect(() => canonicalize(value)).toThrow(expect.objectContaining({ code: "invalid_argument" }));
  }
  expect(canonicalize({ a: undefined, b: 1 })).toBe('{"b":1}');
});
