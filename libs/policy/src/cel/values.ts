import type { JsonValue } from "@aegis/canonical/ijson";

/** What a term gives: a JSON value, or why there is none. */
export type Value = JsonValue | Failure;

/** An error as a value: `&&`, `||`, `exists` and `all` may make nothing of it. Messages never hold what a call holds. */
export class Failure {
  readonly at: number;
  readonly message: string;

  constructor(at: number, message: string) {
    this.at = at;
    this.message = message;
  }
}

export type JsonKind = "null" | "boolean" | "number" | "string" | "array" | "object";

export function kindOf(value: JsonValue): JsonKind {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return typeof value as JsonKind;
}

/** Whether two values may be compared: of one type, or one of them null. */
export function alike(a: JsonValue, b: JsonValue): boolean {
  return a === null || b === null || kindOf(a) === kindOf(b);
}

/** JSON equality: members have no order, and within lists and maps unlike types are unequal. */
export function equal(a: JsonValue, b: JsonValue): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false;
    return a.every((item, index) => equal(item, b[index] as JsonValue));
  }
  if (Array.isArray(b)) return false;
  const names = Object.keys(a);
  if (names.length !== Object.keys(b).length) return false;
  return names.every((name) => Object.hasOwn(b, name) && equal(a[name] as JsonValue, b[name] as JsonValue));
}

/** The order of Unicode code points, which is that of UTF-8 bytes and not that of UTF-16 units. */
export function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) {
    const x = a.charCodeAt(index);
    const y = b.charCodeAt(index);
    // A surrogate stands for a code point above every other unit.
    if (x !== y) return (isSurrogate(x) ? x + 0x10000 : x) - (isSurrogate(y) ? y + 0x10000 : y);
  }
  return a.length - b.length;
}

const isSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdfff;

/** The length in code points. */
export function codePoints(text: string): number {
  let pairs = 0;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit >= 0xd800 && unit <= 0xdbff) pairs++;
  }
  return text.length - pairs;
}
