import type { JsonObject, JsonValue } from "@aegis/canonical/ijson";
import { segmentsOf } from "@aegis/canonical/pointer";
import type { Bound } from "./bound.ts";

const mark = /\[REDACTED:[a-z0-9_]+\]/g;

export const isRedacted = (value: JsonValue): boolean => typeof value === "string" && value.includes("[REDACTED:");

/** Stands where a number was redacted: the record has 0 there, which nobody sent. */
export const hiddenNumber = "[REDACTED:number]";

/** The arguments with `hiddenNumber` in place of every number that was redacted. */
export function withHiddenNumbers(recorded: JsonObject, redactions: readonly { readonly pointer: string }[]): JsonObject {
  let changed: JsonObject | undefined;
  for (const { pointer } of redactions) {
    const path = segmentsOf(pointer);
    const last = path.pop();
    if (last === undefined || typeof memberOf(path.reduce<JsonValue | undefined>(memberOf, recorded), last) !== "number") continue;
    changed ??= structuredClone(recorded);
    const holder = path.reduce<JsonValue | undefined>(memberOf, changed) as Record<string, JsonValue>;
    holder[last] = hiddenNumber;
  }
  return changed ?? recorded;
}

function memberOf(value: JsonValue | undefined, name: string): JsonValue | undefined {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Record<string, JsonValue>)[name];
}

/** Spellings of what may have stood where something was redacted. */
const fillings: readonly string[] = [
  "jo@example.com",
  "+12025550143",
  "(202) 555-0143",
  "4111 1111 1111 1111",
  "DE89370400440532013000",
  "DE89 3704 0044 0532 0130 00",
  "536-90-4399",
  "10.20.30.40",
  "00:1b:63:84:45:e6",
  "1984-03-12",
  "03/12/1984",
  "https://u:p@example.com/",
  ...Array.from({ length: 30 }, (_, index) => "4".repeat(index + 1)),
  ...Array.from({ length: 30 }, (_, index) => "a4".repeat(index + 2)),
  ...Array.from({ length: 30 }, (_, index) => "A4".repeat(index + 2)),
  ...Array.from({ length: 30 }, (_, index) => "aA4".repeat(index + 2)),
];

const mostTried = 300;

/** Whether a bound leaves room for texts that were redacted: some spelling of what was hidden is accepted. */
export function leavesRoomFor(bound: Bound, redacted: readonly JsonValue[]): boolean {
  const tried = redacted.slice(0, mostTried) as readonly string[];
  const refused = tried.filter((text) => !fillings.some((filling) => bound.accepts(text.replace(mark, filling))));
  return refused.length <= tried.length / 100;
}
