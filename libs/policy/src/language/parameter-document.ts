import type { ParameterRule, ParameterType } from "../ir.ts";
import { fault, keyed, listOf, optional, type Place, type Reader, type RecordOf, record } from "./reader.ts";
import { integer, number, oneOf, pattern, scalarValue, truth } from "./scalars.ts";
import type { Position } from "./source.ts";

const bounds = {
  type: optional(oneOf("string", "number", "integer", "boolean", "array", "object")),
  min: optional(number),
  max: optional(number),
  exclusive_min: optional(number),
  exclusive_max: optional(number),
  enum: optional(listOf(scalarValue, { atLeast: 1, what: "plain values" })),
  matches: optional(pattern),
  min_length: optional(integer(0, 1024 * 1024)),
  max_length: optional(integer(0, 1024 * 1024)),
  optional: optional(truth),
  beyond: optional(oneOf("approval_needed", "deny")),
};

type Bounds = RecordOf<typeof bounds>;

/** What a document says about one parameter, standing at the parameter's name. */
export type ParameterDocument = { readonly at: Position; readonly value: Omit<ParameterRule, "name" | "rule"> };

const numeric = ["min", "max", "exclusive_min", "exclusive_max"] as const;
const textual = ["matches", "min_length", "max_length"] as const;

export const parameter: Reader<ParameterDocument> = keyed((place: Place) => {
  const read = record(bounds)(place);
  if (read === undefined) return undefined;
  checkBounds(place, read);
  return lowerBounds(read);
});

/** A numeric bound asks for a number, a textual one for a string: the type need not be written. */
function impliedType(read: Bounds): ParameterType | undefined {
  if (read.type !== undefined) return read.type;
  if (numeric.some((bound) => read[bound] !== undefined)) return "number";
  return textual.some((bound) => read[bound] !== undefined) ? "string" : undefined;
}

function checkBounds(place: Place, read: Bounds): void {
  const type = impliedType(read);
  const conflict = (message: string, hint: string) => fault(place, "conflicting_rules", `${place.path}: ${message}`, hint);
  if (type !== "number" && type !== "integer") {
    for (const bound of numeric) if (read[bound] !== undefined) conflict(`${bound} bounds a number, not a ${type}`, "drop one of them");
  }
  if (type !== "string") {
    for (const bound of textual) if (read[bound] !== undefined) conflict(`${bound} bounds a string, not a ${type}`, "drop one of them");
  }
  const least = read.min ?? read.exclusive_min;
  const most = read.max ?? read.exclusive_max;
  const open = read.exclusive_min !== undefined || read.exclusive_max !== undefined;
  if (read.min !== undefined && read.exclusive_min !== undefined) conflict("min and exclusive_min are both there", "keep one");
  if (read.max !== undefined && read.exclusive_max !== undefined) conflict("max and exclusive_max are both there", "keep one");
  if (least !== undefined && most !== undefined && (least > most || (least === most && open))) {
    conflict("no number lies within the bounds", "swap them");
  }
  if (read.min_length !== undefined && read.max_length !== undefined && read.min_length > read.max_length) {
    conflict("no text lies within the lengths", "swap them");
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
