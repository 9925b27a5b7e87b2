import { isMap } from "yaml";
import type { ParameterRule } from "../ir.ts";
import { actionNames } from "./agent-policy-document.ts";
import { type Bound, boundFaults } from "./checks/bounds.ts";
import { schemaReference } from "./named-document.ts";
import {
  entries,
  fault,
  itemOf,
  listOf,
  optional,
  type Place,
  positioned,
  type Reader,
  reader,
  record,
  required,
  wrongType,
} from "./reader.ts";
import * as read from "./scalars.ts";
import type { Schema } from "./schema.ts";
import type { Position } from "./source.ts";

/** A condition's parameter, standing at the first condition that bounds it. */
export interface Condition {
  readonly name: string;
  readonly at: Position;
  readonly value: Omit<ParameterRule, "name" | "rule">;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const onViolation = read.oneOf("deny", "approval_needed");
const allowed = listOf(read.scalarValue, { atLeast: 1, what: "plain values" });

/** The same in JSON Schema. A key that could be read two ways is a `max_` or `min_` first. */
const conditionsSchema: Schema = {
  type: "object",
  properties: { on_violation: { description: "What a violated condition means: `deny` unless said otherwise.", ...onViolation.schema } },
  patternProperties: {
    "^(?:max|min)_[\\s\\S]+$": {
      description: "The greatest or least number allowed of the parameter that the name ends in.",
      ...read.number.schema,
    },
    "^(?!(?:max|min)_[\\s\\S])[\\s\\S]+_in$": {
      description: "The only values allowed of the parameter that the name starts with.",
      ...allowed.schema,
    },
    "^(?!(?:max|min)_[\\s\\S])[\\s\\S]+_matches$": {
      description: "An RE2 expression that must be found in the parameter that the name starts with.",
      ...read.pattern.schema,
    },
  },
  additionalProperties: false,
};

/** `max_<p>`, `min_<p>`, `<p>_in`, `<p>_matches` and `on_violation`. */
const conditions: Reader<readonly Condition[]> = reader(conditionsSchema, (place) => {
  if (!isMap(place.node)) return wrongType(place, "a map of conditions");
  const byParameter = new Map<string, { at: Position; value: Mutable<Condition["value"]>; places: { [K in Bound]?: Place } }>();
  let beyond = false;
  for (const { name, key, value } of entries(place)) {
    if (name === "on_violation") {
      beyond = onViolation(value) === "approval_needed";
      continue;
    }
    const match = /^(?<bound>max|min)_(?<parameter>.+)$/s.exec(name) ?? /^(?<parameter>.+)_(?<bound>in|matches)$/s.exec(name);
    if (match?.groups === undefined) {
      place.source.report(
        key,
        "unknown_key",
        `"${name.slice(0, 64)}" is no condition`,
        "write max_<p>, min_<p>, <p>_in, <p>_matches or on_violation",
      );
      continue;
    }
    const { bound, parameter } = match.groups as { bound: "max" | "min" | "in" | "matches"; parameter: string };
    const entry = byParameter.get(parameter) ?? { at: key, value: {}, places: {} };
    byParameter.set(parameter, entry);
    if (bound === "max" || bound === "min") {
      const limit = read.number(value);
      if (limit !== undefined) {
        entry.value[bound] = limit;
        entry.value.type ??= "number";
      }
    } else if (bound === "in") {
      const set = allowed(value);
      if (set !== undefined) entry.value.enum = set.map((each) => each.value);
    } else {
      const pattern = read.pattern(value);
      if (pattern !== undefined) {
        entry.value.matches = pattern;
        entry.value.type ??= "string";
      }
    }
    if (bound === "in") entry.places.enum = value;
    else entry.places[bound] = value;
  }
  for (const [name, { value, places }] of byParameter) {
    for (const { at, index, code, message, hint } of boundFaults(value)) {
      const bound = places[at] ?? place;
      fault((index === undefined ? undefined : itemOf(bound, index)) ?? bound, code, `${name}: ${message}`, hint);
    }
  }
  return [...byParameter].map(([name, { at, value }]) => ({ name, at, value: beyond ? { ...value, beyond: "approval_needed" } : value }));
});

/** The bare document of the wild: an agent and the tools it may use. */
export const bareAgentDocument = record({
  ...schemaReference,
  agent: required(positioned(read.agent), "The agent it is about, exactly."),
  allowed_tools: required(
    listOf(
      positioned(
        record({
          name: required(read.tool, "The tool, exactly."),
          actions: required(actionNames, "The actions that are allowed."),
          conditions: optional(
            conditions,
            "Bounds on parameters, by name: `max_<p>`, `min_<p>`, `<p>_in`, `<p>_matches`; and `on_violation`. A bounded parameter must be there; others are allowed.",
          ),
        }),
      ),
      { what: "tools" },
    ),
    "What the agent may call. What is not listed is denied.",
  ),
});

export type BareAgentDocument = NonNullable<ReturnType<typeof bareAgentDocument>>;
