import type { JsonValue } from "@aegis/canonical/ijson";
import type { Bound, Candidate } from "./bound.ts";
import { addressFormat, fixedFormat } from "./text-format.ts";
import { prefixPattern, segmentPattern, tokenPattern } from "./text-segments.ts";

const longestPattern = 900;

/** Kinds of text from the narrowest to any text of some length. */
export const textShapes: readonly Candidate[] = [
  ofTexts((texts) => named(fixedFormat(texts))),
  ofTexts((texts) => named(addressFormat(texts, "closed"))),
  ofTexts((texts) => named(addressFormat(texts, "open"))),
  ofTexts((texts) => patterned(segmentPattern(texts), "built alike")),
  ofTexts((texts) => patterned(prefixPattern(texts), "of one alphabet")),
  ofTexts((texts) => patterned(tokenPattern(texts), "of one alphabet")),
  ofTexts((texts) => patterned(texts.every((text) => /^[!-~]+$/.test(text)) ? "^[!-~]+$" : undefined, "without spaces")),
  ofTexts((texts) => patterned(wordsPattern(texts), "words")),
  freeText(2),
  freeText(5),
  freeText(50),
];

interface Shape {
  readonly name: string;
  readonly pattern: string;
}

const named = (format: Shape | undefined): Shape | undefined => format;
const patterned = (pattern: string | undefined, name: string): Shape | undefined => (pattern === undefined ? undefined : { name, pattern });

/** Words of letters, digits and the punctuation that was seen: at least what no such text holds stays out. */
function wordsPattern(texts: readonly string[]): string | undefined {
  if (texts.length < 100) return undefined;
  const others = new Set<string>();
  for (const text of texts) for (const [other] of text.matchAll(/[^\p{L}\p{N} ]/gu)) others.add(other);
  const safe = [...others].sort();
  if (safe.length > 12 || safe.some((other) => !/^[!-~]$/.test(other))) return undefined;
  return `^[\\p{L}\\p{N} ${safe.map((other) => (/[\\\]^-]/.test(other) ? `\\${other}` : other)).join("")}]*$`;
}

function ofTexts(shapeOf: (texts: readonly string[]) => Shape | undefined): Candidate {
  return (values) => {
    if (!areTexts(values)) return undefined;
    const shape = shapeOf(values);
    if (shape === undefined || shape.pattern.length > longestPattern) return undefined;
    const expression = new RegExp(shape.pattern, "u");
    return bound(shape, expression, roomFor(values, 2), values);
  };
}

function freeText(widen: number): Candidate {
  return (values) => (areTexts(values) ? bound({ name: "free text", pattern: "" }, undefined, roomFor(values, widen), values) : undefined);
}

const areTexts = (values: readonly JsonValue[]): values is readonly string[] =>
  values.length > 0 && values.every((value) => typeof value === "string");

/** The longest text that is expected: some times what was seen, as a round number. */
function roomFor(texts: readonly string[], widen: number): number {
  const longest = texts.reduce((most, text) => Math.max(most, codePoints(text)), 0) * widen;
  return Math.min(1024 * 1024, Math.max(16, longest <= 100 ? Math.ceil(longest / 10) * 10 : Math.ceil(longest / 100) * 100));
}

const codePoints = (text: string): number => [...text].length;

function bound({ name, pattern }: Shape, expression: RegExp | undefined, room: number, texts: readonly string[]): Bound {
  const lengths = texts.map(codePoints);
  // Spreading twenty thousand lengths into Math.min would be too many arguments.
  const [shortest, longest] = lengths.reduce(([least, most], length) => [Math.min(least, length), Math.max(most, length)], [Infinity, 0]);
  const atLeast = shortest > 0 ? 1 : 0;
  const bounded = expression !== undefined && !/[\])][*+]/.test(pattern);
  const members: [string, string][] = [["type", "string"]];
  if (expression !== undefined) members.push(["matches", JSON.stringify(pattern)]);
  else if (atLeast > 0) members.push(["min_length", String(atLeast)]);
  if (!bounded) members.push(["max_length", String(room)]);
  return {
    accepts: (value) =>
      typeof value === "string" &&
      codePoints(value) >= (expression === undefined ? atLeast : 0) &&
      (bounded || codePoints(value) <= room) &&
      (expression === undefined || expression.test(value)),
    members,
    condition: (path) =>
      [
        ...(expression === undefined ? [] : [`${path}.matches(${JSON.stringify(pattern)})`]),
        ...(bounded ? [] : [`size(${path}) <= ${room}`]),
      ].join(" && "),
    note: `${name}, ${shortest === longest ? longest : `${shortest} to ${longest}`} characters`,
  };
}
