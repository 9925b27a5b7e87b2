import type { ParameterRule, ParameterType } from "../ir.ts";
import { boundFaults, spelled, type Bounds as WrittenBounds } from "./checks/bounds.ts";
import {
  entries,
  fault,
  itemOf,
  keyed,
  listOf,
  mapOf,
  optional,
  type Place,
  type Reader,
  type RecordOf,
  reader,
  record,
} from "./reader.ts";
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
  const written = new Map(entries(place).map(({ name, value }) => [name, value]));
  for (const { at, index, code, message, hint } of boundFaults(boundsOf(read))) {
    const bound = written.get(spelled(at)) ?? place;
    fault((index === undefined ? undefined : itemOf(bound, index)) ?? bound, code, `${place.path}: ${message}`, hint);
  }
}

const boundsOf = (read: Bounds): WrittenBounds => ({
  type: read.type,
  min: read.min,
  max: read.max,
  exclusiveMin: read.exclusive_min,
  exclusiveMax: read.exclusive_max,
  enum: read.enum?.map(({ value }) => value),
  matches: read.matches,
  minLength: read.min_length,
  maxLength: read.max_length,
});

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
