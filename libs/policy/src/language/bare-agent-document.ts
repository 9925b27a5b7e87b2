import { isMap } from "yaml";
import type { ParameterRule } from "../ir.ts";
import { actionNames } from "./agent-policy-document.ts";
import { entries, fault, listOf, optional, type Place, positioned, type Reader, record, required, wrongType } from "./reader.ts";
import * as read from "./scalars.ts";
import type { Position } from "./source.ts";

/** A condition's parameter, standing at the first condition that bounds it. */
export interface Condition {
  readonly name: string;
  readonly at: Position;
  readonly value: Omit<ParameterRule, "name" | "rule">;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** `max_<p>`, `min_<p>`, `<p>_in`, `<p>_matches` and `on_violation`. */
const conditions: Reader<readonly Condition[]> = (place) => {
  if (!isMap(place.node)) return wrongType(place, "a map of conditions");
  const byParameter = new Map<string, { at: Position; value: Mutable<Condition["value"]> }>();
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
    const entry = byParameter.get(parameter) ?? { at: key, value: {} };
    byParameter.set(parameter, entry);
    if (bound === "max" || bound === "min") {
      const limit = read.number(value);
      if (limit !== undefined) {
        entry.value[bound] = limit;
        expectType(entry.value, "number", value);
      }
    } else if (bound === "in") {
      const set = allowed(value);
      if (set !== undefined) entry.value.enum = set.map((each) => each.value);
    } else {
      const pattern = read.pattern(value);
      if (pattern !== undefined) {
        entry.value.matches = pattern;
        expectType(entry.value, "string", value);
      }
    }
    const { min, max } = entry.value;
    if (min !== undefined && max !== undefined && min > max)
      fault(value, "conflicting_rules", `no ${parameter} lies within the bounds`, "swap them");
  }
  return [...byParameter].map(([name, { at, value }]) => ({ name, at, value: beyond ? { ...value, beyond: "approval_needed" } : value }));
};

const onViolation = read.oneOf("deny", "approval_needed");
const allowed = listOf(read.scalarValue, { atLeast: 1, what: "plain values" });

function expectType(value: Mutable<Condition["value"]>, type: "number" | "string", place: Place): void {
  if (value.type !== undefined && value.type !== type) {
    fault(place, "conflicting_rules", `${place.path} bounds a ${type}, another condition a ${value.type}`, "drop one of them");
  }
  value.type = type;
}

/** The bare document of the wild: an agent and the tools it may use. */
export const bareAgentDocument = record({
  agent: required(positioned(read.agent)),
  allowed_tools: required(
    listOf(positioned(record({ name: required(read.tool), actions: required(actionNames), conditions: optional(conditions) })), {
      what: "tools",
    }),
  ),
});

export type BareAgentDocument = NonNullable<ReturnType<typeof bareAgentDocument>>;
