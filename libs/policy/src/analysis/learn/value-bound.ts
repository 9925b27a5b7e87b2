import type { JsonObject, JsonValue } from "@aegis/canonical/ijson";
import { type Bound, type Candidate, narrowest } from "./bound.ts";
import { choice, constant, numberChoice } from "./choice.ts";
import { numberRanges } from "./number-range.ts";
import { redactedPattern } from "./redacted-shape.ts";
import { hiddenNumber, isRedacted, leavesRoomFor } from "./redacted-text.ts";
import { arrayBound, objectBound } from "./structure.ts";
import { textShapes } from "./text-shape.ts";

export interface ShapeLimits {
  /** The longest list of allowed values. */
  readonly members: number;
}

/** Of the values of one place, this share may be of another kind than all the others. */
const strays = 0.001;

/** The bound of what was seen in one place, at any depth. `values` are in the order they were seen, and there is at least one. */
export function valueBound(values: readonly JsonValue[], limits: ShapeLimits, depth = 0): Bound {
  const kinds = Map.groupBy(
    values.filter((value) => value !== hiddenNumber),
    kindOf,
  );
  if (kinds.size === 0) return { ...anyOf("number"), note: "numbers, all redacted" };
  const [main] = [...kinds].sort((a, b) => b[1].length - a[1].length);
  const usual = [...kinds].filter(([, of]) => of.length > values.length * strays);
  if (main === undefined || usual.length > 1) return mixed(kinds, limits, depth);
  return boundOfKind(main[0], main[1], limits, depth);
}

type Kind = "string" | "number" | "boolean" | "null" | "array" | "object";

function kindOf(value: JsonValue): Kind {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return typeof value as Kind;
}

function boundOfKind(kind: Kind, values: readonly JsonValue[], limits: ShapeLimits, depth: number): Bound {
  switch (kind) {
    case "null":
      return choice(1)(values) ?? nothing("null");
    case "boolean":
      return narrowest(values, [constant]) ?? truth;
    case "number":
      return narrowest(values, [numberChoice, ...numberRanges]) ?? anyOf("number");
    case "string":
      return textBound(values, limits);
    case "array":
      return arrayBound(values as readonly JsonValue[][], (inner) => valueBound(inner, limits, depth + 1), depth);
    case "object":
      return objectBound(values as readonly JsonObject[], (inner) => valueBound(inner, limits, depth + 1), depth);
  }
}

/** The language knows one type for a parameter: several kinds are bounded by a list, or else by a condition alone. */
function mixed(kinds: ReadonlyMap<Kind, readonly JsonValue[]>, limits: ShapeLimits, depth: number): Bound {
  const values = [...kinds.values()].flat();
  const listed = narrowest(values, [choice(limits.members)]);
  if (listed !== undefined) return listed;
  const rest = [...kinds].filter(([kind]) => kind !== "null");
  const [only] = rest;
  if (rest.length !== 1 || only === undefined) return nothing(`${[...kinds.keys()].join(", ")}: not bounded`);
  const inner = boundOfKind(only[0], only[1], limits, depth);
  return {
    accepts: (value) => value === null || inner.accepts(value),
    members: [],
    condition: (path) => (inner.condition(path) === "" ? "" : `(${path} == null || ${inner.condition(path)})`),
    note: `${inner.note}; or null`,
  };
}

function textBound(values: readonly JsonValue[], limits: ShapeLimits): Bound {
  const whole = values.filter((value) => !isRedacted(value));
  const redacted = values.filter(isRedacted);
  const shapes: readonly Candidate[] = [choice(limits.members), ...textShapes];
  if (redacted.length === 0) return narrowest(whole, shapes) ?? anyOf("string");
  const note = `; ${redacted.length} redacted`;
  const shape = redactedPattern(redacted);
  if (whole.length === 0) return shape === undefined ? { ...anyOf("string"), note: `text${note}` } : patternBound(shape, note);
  if (whole.length >= redacted.length) {
    // What was hidden is not known, but a bound that has no room for it is wrong.
    const fitting = shapes.map(
      (shape): Candidate =>
        (seen) => {
          const bound = shape(seen);
          return bound !== undefined && leavesRoomFor(bound, redacted) ? bound : undefined;
        },
    );
    const bound = narrowest(whole, fitting);
    if (bound !== undefined) return { ...bound, note: `${bound.note}${note}` };
  }
  return { ...anyOf("string"), note: `text${note}` };
}

/** Of texts that were all redacted: as long as anything that a detector finds. */
function patternBound(pattern: string, note: string): Bound {
  const expression = new RegExp(pattern, "u");
  return {
    accepts: (value) => typeof value === "string" && expression.test(value),
    members: [
      ["type", "string"],
      ["matches", JSON.stringify(pattern)],
      ["max_length", "300"],
    ],
    condition: (path) => `${path}.matches(${JSON.stringify(pattern)})`,
    note: `as detectors find it${note}`,
  };
}

const truth: Bound = {
  accepts: (value) => typeof value === "boolean",
  members: [["type", "boolean"]],
  condition: (path) => `${path} in [true, false]`,
  note: "true or false",
};

const anyOf = (kind: "string" | "number"): Bound => ({
  accepts: (value) => typeof value === kind,
  members: [["type", kind]],
  condition: (path) => (kind === "string" ? `${path}.contains("")` : `${path} <= 1.0e308`),
  note: `any ${kind}`,
});

const nothing = (note: string): Bound => ({ accepts: () => true, members: [], condition: () => "", note });
