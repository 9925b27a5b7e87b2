import { AegisError } from "@aegis/contracts/errors";
import { maxArgumentsBytes, maxArgumentsDepth } from "@aegis/contracts/names";
import { Cursor, refuse } from "./cursor.ts";

export type JsonPrimitive = string | number | boolean | null;
export type JsonValue = JsonPrimitive | JsonObject | JsonValue[];
export type JsonObject = { [member: string]: JsonValue };

export interface IJsonLimits {
  /** Largest text, in UTF-8 bytes. */
  readonly maxBytes: number;
  /** Deepest nesting; the outermost object counts as 1. */
  readonly maxDepth: number;
}

export const argumentLimits: IJsonLimits = { maxBytes: maxArgumentsBytes, maxDepth: maxArgumentsDepth };

/**
 * Reads one JSON object, strictly: RFC 8259 grammar under the I-JSON restrictions (RFC 7493).
 *
 * Refused, because two readers could understand them differently: duplicate members, unpaired surrogates, a byte order mark,
 * invalid UTF-8, numbers too large or too small for a double, integers that no double stands for, NaN and Infinity.
 * Objects come back without a prototype, so a member named `__proto__` or `constructor` is only a member.
 *
 * @throws AegisError `invalid_argument` naming the fault and its offset in UTF-16 code units.
 */
export function parseIJson(input: Uint8Array | string, limits: IJsonLimits = argumentLimits): JsonObject {
  const cursor = cursorOver(input, limits);
  if (cursor.peek() !== "{") throw refuse("the outermost value must be an object", cursor.at);
  const value = readObject(cursor, limits, 1);
  cursor.skipSpace();
  if (cursor.peek() !== "") throw refuse("text after the object", cursor.at);
  return value;
}

/**
 * Reads one JSON value of any type under the same restrictions.
 *
 * @throws AegisError `invalid_argument`.
 */
export function parseIJsonValue(input: Uint8Array | string, limits: IJsonLimits = argumentLimits): JsonValue {
  const cursor = cursorOver(input, limits);
  const value = readValue(cursor, limits, 0);
  cursor.skipSpace();
  if (cursor.peek() !== "") throw refuse("text after the value", cursor.at);
  return value;
}

/** Stands at the first character that is no space. */
function cursorOver(input: Uint8Array | string, limits: IJsonLimits): Cursor {
  const text = typeof input === "string" ? input : decode(input, limits);
  if (typeof input === "string" && (input.length > limits.maxBytes || Buffer.byteLength(input) > limits.maxBytes)) tooLarge(limits);
  // A well-formed text can still spell a lone surrogate by escapes: the cursor looks at each decoded string.
  if (!text.isWellFormed()) throw refuse("an unpaired surrogate");
  const cursor = new Cursor(text);
  cursor.skipSpace();
  return cursor;
}

/**
 * Checks a value that some other decoder made (a protobuf Struct) against the same restrictions, and gives it back typed.
 * Duplicate members can no longer be seen at this point.
 *
 * @throws AegisError `invalid_argument`.
 */
export function assertIJson(value: unknown, limits: IJsonLimits = argumentLimits): JsonObject {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw refuse("the outermost value must be an object");
  check(value, limits, 1);
  if (Buffer.byteLength(JSON.stringify(value)) > limits.maxBytes) tooLarge(limits);
  return value as JsonObject;
}

function readObject(cursor: Cursor, limits: IJsonLimits, depth: number): JsonObject {
  if (depth > limits.maxDepth) throw refuse(`nesting deeper than ${limits.maxDepth}`, cursor.at);
  const object: JsonObject = Object.create(null);
  cursor.take("{");
  cursor.skipSpace();
  if (cursor.takeIf("}")) return object;
  do {
    cursor.skipSpace();
    const start = cursor.at;
    const name = cursor.readString();
    if (name in object) throw refuse("a duplicate member", start);
    cursor.skipSpace();
    cursor.take(":");
    object[name] = readValue(cursor, limits, depth);
    cursor.skipSpace();
  } while (cursor.takeIf(","));
  cursor.take("}");
  return object;
}

function readArray(cursor: Cursor, limits: IJsonLimits, depth: number): JsonValue[] {
  if (depth > limits.maxDepth) throw refuse(`nesting deeper than ${limits.maxDepth}`, cursor.at);
  const array: JsonValue[] = [];
  cursor.take("[");
  cursor.skipSpace();
  if (cursor.takeIf("]")) return array;
  do {
    array.push(readValue(cursor, limits, depth));
    cursor.skipSpace();
  } while (cursor.takeIf(","));
  cursor.take("]");
  return array;
}

function readValue(cursor: Cursor, limits: IJsonLimits, depth: number): JsonValue {
  cursor.skipSpace();
  switch (cursor.peek()) {
    case "{":
      return readObject(cursor, limits, depth + 1);
    case "[":
      return readArray(cursor, limits, depth + 1);
    case '"':
      return cursor.readString();
    default:
      return cursor.readScalar();
  }
}

function check(value: unknown, limits: IJsonLimits, depth: number): void {
  if (value === null || typeof value === "boolean") return;
  if (typeof value === "number") {
    if (!Number.isFinite(value)) throw refuse("a number that is not finite");
    return;
  }
  if (typeof value === "string") {
    if (!value.isWellFormed()) throw refuse("an unpaired surrogate");
    return;
  }
  if (typeof value !== "object") throw refuse(`a ${typeof value} is not JSON`);
  if (depth > limits.maxDepth) throw refuse(`nesting deeper than ${limits.maxDepth}`);
  if (Array.isArray(value)) {
    for (const item of value) check(item, limits, depth + 1);
    return;
  }
  // Anything else than a bare object may have been built by assigning to `__proto__`, which hides members from checks.
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype) throw refuse("an object with a prototype of its own");
  for (const [name, member] of Object.entries(value)) {
    if (!name.isWellFormed()) throw refuse("an unpaired surrogate");
    check(member, limits, depth + 1);
  }
}

/** `ignoreBOM` keeps a byte order mark in the text, where the grammar refuses it. */
const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decode(bytes: Uint8Array, limits: IJsonLimits): string {
  if (bytes.byteLength > limits.maxBytes) tooLarge(limits);
  try {
    return strictUtf8.decode(bytes);
  } catch (cause) {
    throw new AegisError("invalid_argument", "not I-JSON: invalid UTF-8", { cause });
  }
}

function tooLarge(limits: IJsonLimits): never {
  throw refuse(`larger than ${limits.maxBytes} bytes`);
}
