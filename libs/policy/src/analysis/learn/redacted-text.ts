import type { JsonValue } from "@aegis/canonical/ijson";
import type { Bound } from "./bound.ts";

const mark = /\[REDACTED:[a-z0-9_]+\]/g;
const wholeMail = /^\[REDACTED:email\]$/;

export const isRedacted = (value: JsonValue): boolean => typeof value === "string" && value.includes("[REDACTED:");

/** Whether the texts are e-mail addresses, as far as what is left of them says. */
export const areRedactedMail = (texts: readonly JsonValue[]): boolean =>
  texts.length > 0 && texts.every((text) => typeof text === "string" && wholeMail.test(text));

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
