import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type DetectorName, detectorNames, scan, scanText } from "./detect.ts";

const vectors = JSON.parse(readFileSync(new URL("../../../vectors/dlp/detect.json", import.meta.url), "utf8")) as {
  detector: DetectorName;
  found: [text: string, value: string][];
  clear: string[];
}[];
const valuesIn = (text: string, detector: DetectorName) => scanText(text, [detector]).map(({ start, end }) => text.slice(start, end));

test("every detector has cases", () => {
  expect(vectors.map(({ detector }) => detector).sort()).toEqual([...detectorNames].sort());
});

test.each(vectors.flatMap(({ detector, found }) => found.map(([text, value]) => ({ detector, text, value }))))(
  "$detector finds what is in $text",
  ({ detector, text, value }) => expect(valuesIn(text, detector)).toEqual([value]),
);

test.each(vectors.flatMap(({ detector, clear }) => clear.map((text) => ({ detector, text }))))(
  "$detector leaves $text alone",
  ({ detector, text }) => expect(valuesIn(text, detector)).toEqual([]),
);

test("strings at every depth and names of members are looked at, with their pointers", () => {
  const value = { a: [{ "b@x.test": ["c@x.test", 1, null] }], "d/e": "f@x.test" };
  expect(scan(value, ["email"])).toEqual([
    { pointer: "/a/0/b@x.test", detector: "email", start: 0, end: 8, inKey: true },
    { pointer: "/a/0/b@x.test/0", detector: "email", start: 0, end: 8, inKey: false },
    { pointer: "/d~1e", detector: "email", start: 0, end: 8, inKey: false },
  ]);
});

test("only the detectors asked for look, and asking for none finds nothing", () => {
  const value = { a: "a@x.test 123-45-6789" };
  expect(scan(value, ["us_ssn"]).map(({ detector }) => detector)).toEqual(["us_ssn"]);
  expect(scan(value, [])).toEqual([]);
});

test("invisible characters anywhere in a card number hide nothing, and the range covers them", () => {
  const invisible = fc.constantFrom("", "\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u202e", "\u0301", "\u{e0020}", "\u0000");
  fc.assert(
    fc.property(
      fc.array(invisible, { minLength: 15, maxLength: 15 }),
      fc.string({ unit: "grapheme", maxLength: 20 }),
      (between, before) => {
        fc.pre(!/[\p{Nd}\p{No}]/u.test(before));
        const card = [..."4111111111111111"].map((digit, index) => digit + (between[index] ?? "")).join("");
        expect(valuesIn(`${before} ${card} end`, "credit_card")).toEqual([card]);
      },
    ),
  );
});

test("ranges lie within the string, in order, whatever it holds", () => {
  const piece = fc.oneof(
    fc.string({ unit: "binary", maxLength: 8 }),
    fc.constantFrom(
      "a@x.test",
      "4111111111111111",
      "password=",
      "Aa1!Aa1!x",
      "\ud800",
      "%41",
      "born ",
      "1984-01-02",
      "+49 30 901820",
      "://u:p@h",
    ),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const text = pieces.join("");
      let last = 0;
      for (const { start, end } of scanText(text, detectorNames)) {
        expect(start).toBeGreaterThanOrEqual(last);
        expect(end).toBeGreaterThan(start);
        expect(end).toBeLessThanOrEqual(text.length);
        last = start;
      }
    }),
    { numRuns: 1_000 },
  );
});

test("hostile texts of 64 KiB take time in proportion to their length", () => {
  const pieces = [
    "1 ",
    "1-",
    "a@",
    "@",
    "é@é.",
    "://a:",
    "eyJ",
    "password=aA1",
    "AB12",
    "ab:",
    "1.",
    "a.b@c.",
    "+1",
    "%41",
    "\u200b1",
    "-----BEGIN PRIVATE KEY-----",
  ];
  for (const piece of pieces) {
    const text = piece.repeat(Math.ceil(65_536 / piece.length));
    const started = performance.now();
    scanText(text, detectorNames);
    expect(performance.now() - started, piece).toBeLessThan(1_500);
  }
});
