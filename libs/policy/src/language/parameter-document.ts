import type { ParameterRule, ParameterType } from "../ir.ts";
import { fault, keyed, listOf, mapOf, optional, type Place, type Reader, type RecordOf, reader, record } from "./reader.ts";
import { integer, number, oneOf, parameterName, pattern, scalarValue, truth } from "./scalars.ts";
import type { Position } from "./source.ts";

const bounds = {
  type: optional(
    oneOf("string", "number", "integer", "boolean", "array", "object"),
    'What the value must be; a wrong type is always a deny: `"4200"` is not a number. Implied by a bound for numbers or texts.',
  ),
  min: optional(number, "The least number allowed."),
  max: optional(number, "The greatest number allowed."),
  exclusive_min: optional(number, "The number must be greater."),
  exclusive_max: optional(number, "The number must be less."),
  enum: optional(listOf(scalarValue, { atLeast: 1, what: "plain values" }), "The only values allowed."),
  matches: optional(pattern, "An RE2 expression that must be found somewhere in the text; `^…$` makes it the whole text."),
  min_length: optional(integer(0, 1024 * 1024), "The least number of Unicode code points."),
  max_length: optional(integer(0, 1024 * 1024), "The greatest number of Unicode code points."),
  optional: optional(truth, "`true`: a call may leave it out."),
  beyond: optional(
    oneOf("approval_needed", "deny"),
    "What a violated bound means: `deny` unless said otherwise, or a question to a person. A wrong type or a missing parameter stays a deny.",
  ),
};

type Bounds = RecordOf<typeof bounds>;

/** What a document says about one parameter, standing at the parameter's name. */
export type ParameterDocument = { readonly at: Position; readonly value: Omit<ParameterRule, "name" | "rule"> };

const numeric = ["min", "max", "exclusive_min", "exclusive_max"] as const;
const textual = ["matches", "min_length", "max_length"] as const;

const readBounds = record(bounds);

const parameter: Reader<ParameterDocument> = keyed(
  reader(readBounds.schema, (place) => {
    const read = readBounds(place);
    if (read === undefined) return undefined;
    checkBounds(place, read);
    return lowerBounds(read);
  }),
);

/** Parameters by name, in source order. */
export const parameters = mapOf(parameterName, parameter);

/** As rules: what a policy and a catalog make of them. */
export function lowerParameters(read: NonNullable<ReturnType<typeof parameters>> | undefined): ParameterRule[] {
  return (read ?? []).map(({ name, value: { at, value } }) => ({ name, rule: `${at.file}:${at.line}`, ...value }));
}

/** A numeric bound asks for a number, a textual one for a string: the type need not be written. */
function impliedType(read: Bounds): ParameterType | undefined {
  if (read.type !== undefined) return read.type;
  if (numeric.some((bound) => read[bound] !== undefined)) return "number";
  return textual.some((bound) => read[bound] !== undefined) ? "string" : undefined;
}

function checkBounds(place: Place, read: Bounds): void {
  const type = impliedType(read);
  const misplaced = (bound: string, what: string) =>
    fault(place, "misplaced_bound", `${place.path}: ${bound} bounds a ${what}, not a ${type}`, "drop one of them");
  if (type !== "number" && type !== "integer") {
    for (const bound of numeric) if (read[bound] !== undefined) misplaced(bound, "number");
  }
  if (type !== "string") {
    for (const bound of textual) if (read[bound] !== undefined) misplaced(bound, "string");
  }
  const least = read.min ?? read.exclusive_min;
  const most = read.max ?? read.exclusive_max;
  const open = read.exclusive_min !== undefined || read.exclusive_max !== undefined;
  const redundant = (side: string) =>
    fault(place, "redundant_bound", `${place.path}: ${side} and exclusive_${side} are both there`, "keep one");
  if (read.min !== undefined && read.exclusive_min !== undefined) redundant("min");
  if (read.max !== undefined && read.exclusive_max !== undefined) redundant("max");
  const empty = (message: string) => fault(place, "empty_range", `${place.path}: ${message}`, "swap them");
  if (least !== undefined && most !== undefined && (least > most || (least === most && open))) empty("no number lies within the bounds");
  if (read.min_length !== undefined && read.max_length !== undefined && read.min_length > read.max_length) {
    empty("no text lies within the lengths");
  }
}

function lowerBounds(read: Bounds): ParameterDocument["value"] {
  const type = impliedType(read);
  return {
    ...(read.optional === true && { optional: true as const }),
    ...(type !== undefined && { type }),
    ...(read.min !== undefined && { min: read.min }),
    ...(read.max !== undefined && { max: read.max }),
    ...(read.exclusive_min !== undefined && { exclusiveMin: read.exclusive_min }),
    ...(read.exclusive_max !== undefined && { exclusiveMax: read.exclusive_max }),
    ...(read.enum !== undefined && { enum: read.enum.map(({ value }) => value) }),
    ...(read.matches !== undefined && { matches: read.matches }),
    ...(read.min_length !== undefined && { minLength: read.min_length }),
    ...(read.max_length !== undefined && { maxLength: read.max_length }),
    ...(read.beyond === "approval_needed" && { beyond: read.beyond }),
  };
}
