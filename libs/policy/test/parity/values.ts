import type { JsonValue } from "@aegis/canonical/ijson";
import type { Random } from "./random.ts";

/** Texts that engines tend to count, order or fold differently. */
export const texts: readonly string[] = [
  "",
  "a",
  "acct_1",
  "ACCT_1",
  "ß",
  "ſ",
  "K",
  "İ",
  "ǆ",
  "é",
  "e\u0301",
  "😀",
  "👩‍👩‍👧",
  "𝒳𐐷",
  "1234",
  "١٢٣",
  "שלום",
  "\u202eabc",
  "a\u0000b",
  "\u0000",
  "\\u0000",
  "\n",
  "a\nb",
  "\t",
  "\u007f",
  "\u0085",
  "\u2028",
  "\ufeff",
  "\ufffd",
  "\uffff",
  "\u{10ffff}",
  "a/b~c",
  "*",
  "%3A",
  "a:b",
  "true",
  "null",
  "1",
  "1.0",
  "5e3",
  "-0",
  "NaN",
  "<>&\u2028",
  '"',
  "\\",
  "2027-01-15T08:00:00Z",
  "2027-01-15T07:59:59.999Z",
  "2027-01-15T09:30:00.5+01:30",
  "2027-02-29T00:00:00Z",
  "2028-02-29T23:59:60Z",
  "2027-01-15t08:00:00z",
  "2027-01-15 08:00:00Z",
  "2027-01-15T08:00:00",
  "0000-01-01T00:00:00Z",
  "9999-12-31T23:59:59.999999999Z",
  "x".repeat(300),
  "😀".repeat(40),
];

/** Numbers at which doubles, integers and decimal readers part. */
export const numbers: readonly number[] = [
  0,
  1,
  -1,
  0.5,
  2.5,
  -2.5,
  0.1 + 0.2,
  0.3,
  100,
  99.999999999999986,
  4999.999999999999,
  5000,
  5000.000000000001,
  2 ** 31,
  -(2 ** 31),
  2 ** 53 - 1,
  2 ** 53,
  2 ** 53 + 2,
  -(2 ** 53) + 1,
  -(2 ** 53),
  1e21,
  1e308,
  -1e308,
  Number.MAX_VALUE,
  5e-324,
  -5e-324,
  2.2250738585072014e-308,
  1e-7,
  123456789.123,
  10,
  1000,
  1.5e-10,
  1.5e-100,
  2.5e30,
  2.5e300,
];

/** Numbers that `number` of the policy language takes: an integer must be an exact double. */
export const policyNumbers: readonly number[] = numbers.filter((value) => !Number.isInteger(value) || Number.isSafeInteger(value));

export const text = (random: Random): string =>
  random.chance(0.7) ? random.pick(texts) : random.list(0, 4, () => [...random.pick(texts)].slice(0, 40).join("")).join("");

/** Member names that an object may treat unlike others. */
export const names: readonly string[] = [
  "amount",
  "count",
  "memo",
  "to",
  "lines",
  "__proto__",
  "constructor",
  "toString",
  "hasOwnProperty",
  "length",
  "a/b~c",
  "~1",
  "ä",
  "a\u0308",
  "😀",
  "with space",
  "*",
  "0",
  "\u0000",
];

/** Any JSON value, nested a little. */
export function anything(random: Random, depth = 2): JsonValue {
  const kind = random.integer(0, depth > 0 ? 7 : 4);
  if (kind <= 1) return text(random);
  if (kind === 2) return random.pick(numbers);
  if (kind === 3) return random.chance(0.5);
  if (kind === 4) return null;
  if (kind <= 5) return random.list(0, 3, () => anything(random, depth - 1));
  return objectOf(random.list(0, 3, () => [random.pick(names), anything(random, depth - 1)]));
}

/** An object with own members only, `__proto__` among them. */
export const objectOf = (entries: readonly (readonly [string, JsonValue])[]): { [name: string]: JsonValue } =>
  Object.fromEntries(entries) as { [name: string]: JsonValue };
