import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { assertIJson, parseIJson } from "./ijson.ts";

const vectors = JSON.parse(readFileSync(new URL("../../../vectors/digests/refused.json", import.meta.url), "utf8")) as {
  name: string;
  text?: string;
  base64?: string;
}[];

test.each(vectors)("refused: $name", ({ text, base64 }) => {
  const input = text ?? Buffer.from(base64 ?? "", "base64");
  expect(() => parseIJson(input)).toThrow(expect.objectContaining({ code: "invalid_argument" }));
});

test("what JSON writes is read back as it was, as text and as bytes", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string({ unit: "binary" }), fc.jsonValue({ noUnicodeString: false, maxDepth: 6 })), (value) => {
      const text = JSON.stringify(value);
      fc.pre(text.isWellFormed() && !/\\ud[89a-f]/.test(text));
      const expected = JSON.parse(text);
      expect(plain(parseIJson(text))).toEqual(plain(expected));
      expect(plain(parseIJson(Buffer.from(text)))).toEqual(plain(expected));
    }),
    { numRuns: 500 },
  );
});

test("it accepts nothing that JSON.parse refuses, and never fails otherwise than by saying invalid_argument", () => {
  const fragments = fc.constantFrom(
    ...'{}[],:"\\u0e1-+. atrufalsn\u0000\ud800',
    '{"a":',
    '"b"',
    "1e5",
    "true",
    "null",
    "\\n",
    "\\ud83d\\ude00",
  );
  fc.assert(
    fc.property(fc.array(fragments, { maxLength: 20 }), (parts) => {
      const text = parts.join("");
      let read: unknown;
      try {
        read = parseIJson(text);
      } catch (error) {
        expect(error).toMatchObject({ code: "invalid_argument" });
        return;
      }
      expect(plain(read)).toEqual(plain(JSON.parse(text)));
    }),
    { numRuns: 5_000 },
  );
});

test("a member named __proto__ is an own member and changes no prototype", () => {
  const value = parseIJson('{"__proto__":{"admin":true},"inner":{"__proto__":1}}');
  expect(Object.keys(value)).toEqual(["__proto__", "inner"]);
  expect(value.admin).toBeUndefined();
  expect(({} as Record<string, unknown>).admin).toBeUndefined();
  expect(JSON.stringify(value)).toBe('{"__proto__":{"admin":true},"inner":{"__proto__":1}}');
});

test("32 levels are accepted, counting the outermost object", () => {
  const nested = (levels: number) => `${'{"a":'.repeat(levels - 1)}{}${"}".repeat(levels - 1)}`;
  expect(() => parseIJson(nested(32))).not.toThrow();
  expect(() => parseIJson(nested(33))).toThrow("nesting deeper than 32");
});

test("a hundred thousand levels, and a megabyte too much, are refused at once", () => {
  const started = performance.now();
  expect(() => parseIJson(`{"a":${"[".repeat(100_000)}`)).toThrow("nesting deeper");
  const megabyte = (size: number) => `{"a":"${"x".repeat(size - 8)}"}`;
  expect(() => parseIJson(megabyte(1024 * 1024))).not.toThrow();
  expect(() => parseIJson(megabyte(1024 * 1024 + 1))).toThrow("larger than 1048576 bytes");
  expect(() => parseIJson(Buffer.from(megabyte(1024 * 1024 + 1)))).toThrow("larger than 1048576 bytes");
  expect(() => parseIJson(`{"a":"${"é".repeat(600_000)}"}`)).toThrow("larger than 1048576 bytes");
  expect(() => parseIJson(`{"a":${"9".repeat(1_000_000)}}`)).toThrow("too large for a double");
  expect(performance.now() - started).toBeLessThan(1_000);
});

test("integers that a double holds are accepted however large", () => {
  expect(parseIJson('{"a":9007199254740992,"b":295147905179352825856,"c":1e300}')).toMatchObject({ a: 2 ** 53, b: 2 ** 68, c: 1e300 });
});

test("a refusal never quotes the text", () => {
  expect(() => parseIJson('{"card":"4111111111111111",x}')).toThrow(/^not I-JSON: expected "\\"" at offset 27$/);
});

test("values of another decoder are held to the same rules", () => {
  expect(assertIJson({ a: [1, "é", null, { b: true }] })).toEqual({ a: [1, "é", null, { b: true }] });
  const polluted = { amount: 1 };
  Object.setPrototypeOf(polluted, { hidden: 2 });
  let deep: unknown = {};
  for (let level = 0; level < 32; level++) deep = { deep };
  const faulty = [
    { a: Number.NaN },
    { a: Number.POSITIVE_INFINITY },
    { a: "\ud800" },
    { "\udc00": 1 },
    { a: undefined },
    { a: 1n },
    [],
    null,
    "x",
    polluted,
    deep,
  ];
  for (const value of faulty) expect(() => assertIJson(value)).toThrow(expect.objectContaining({ code: "invalid_argument" }));
  expect(() => assertIJson({ a: "x".repeat(1024 * 1024) })).toThrow("larger than");
});

/** The same data in ordinary objects with sorted members, so that prototypes, order and the sign of zero do not matter. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === "number") return value === 0 ? 0 : value;
  if (typeof value !== "object" || value === null) return value;
  return Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, member]) => [name, plain(member)]);
}
