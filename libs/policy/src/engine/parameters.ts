import type { JsonObject, JsonValue } from "@aegis/canonical/ijson";
import { escapeSegment } from "@aegis/canonical/pointer";
import type { Reason } from "@aegis/contracts/reasons";
import { RE2JS } from "re2js";
import type { ActionRule, ParameterRule, ParameterType } from "../ir.ts";

/** Receives what a check finds. `approvable`: a person's approval can lift it. */
export interface Findings {
  deny(reason: Reason): void;
  violation(reason: Reason, approvable: boolean): void;
}

export type ParameterCheck = (args: JsonObject, findings: Findings) => void;

/** What a call's arguments are held to. */
export type ParameterRules = Pick<ActionRule, "rule" | "parameters" | "additional" | "approvalAlways">;

/** One check over all of an action's parameters: declared ones in source order, then those it does not know. */
export function prepareParameters(rule: ParameterRules, patterns: Map<string, RE2JS>): ParameterCheck {
  const checks = rule.parameters.map((parameter) => prepareParameter(parameter, rule.approvalAlways === true, patterns));
  const known = new Set(rule.parameters.map(({ name }) => name));
  return (args, findings) => {
    for (const check of checks) check(args, findings);
    if (rule.additional === "allow") return;
    let unknown: string[] | undefined;
    for (const name of Object.keys(args)) {
      if (known.has(name)) continue;
      unknown ??= [];
      unknown.push(name);
    }
    // Members of an object have no order: both engines name them by the bytes of their names.
    for (const name of unknown?.sort(byBytes) ?? []) findings.deny(unknownParameter(name, rule.rule));
  };
}

const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

const unknownParameter = (name: string, rule: string): Reason => ({
  code: "parameter_unknown",
  message: "a parameter that the policy does not list",
  pointer: `/${escapeSegment(name)}`,
  rule,
});

interface Bound {
  readonly broken: (value: JsonValue) => boolean;
  readonly reason: Reason;
}

function prepareParameter(parameter: ParameterRule, approvalAlways: boolean, patterns: Map<string, RE2JS>): ParameterCheck {
  const { name, rule, type } = parameter;
  const pointer = `/${escapeSegment(name)}`;
  const reason = (code: Reason["code"], message: string): Reason => Object.freeze({ code, message, pointer, rule });
  const missing = reason("parameter_missing", `${name} is missing`);
  const mistyped = reason("parameter_type", `${name} is not ${type === "integer" ? "an integer" : `a ${type}`}`);
  const ofType = type === undefined ? undefined : types[type];
  const approvable = approvalAlways || parameter.beyond === "approval_needed";
  const bounds = boundsOf(parameter, reason, patterns);
  return (args, findings) => {
    const value = Object.hasOwn(args, name) ? args[name] : undefined;
    if (value === undefined) {
      if (parameter.optional !== true) findings.deny(missing);
      return;
    }
    if (ofType !== undefined && !ofType(value)) return findings.deny(mistyped);
    for (const bound of bounds) if (bound.broken(value)) findings.violation(bound.reason, approvable);
  };
}

/** JSON's own types: nothing is converted, so "5e3" is no number and [7] is not 7. */
const types: Readonly<Record<ParameterType, (value: JsonValue) => boolean>> = {
  string: (value) => typeof value === "string",
  number: (value) => Number.isFinite(value),
  integer: (value) => Number.isInteger(value),
  boolean: (value) => typeof value === "boolean",
  array: (value) => Array.isArray(value),
  object: (value) => typeof value === "object" && value !== null && !Array.isArray(value),
};

function boundsOf(
  parameter: ParameterRule,
  reason: (code: Reason["code"], message: string) => Reason,
  patterns: Map<string, RE2JS>,
): Bound[] {
  const { name, min, max, exclusiveMin, exclusiveMax, minLength, maxLength, matches } = parameter;
  const range = (message: string): Reason => reason("parameter_out_of_range", `${name} must ${message}`);
  const bounds: Bound[] = [];
  // A value that is no number never reaches a numeric bound: such a bound implies the type.
  if (min !== undefined) bounds.push({ broken: (value) => !((value as number) >= min), reason: range(`be at least ${min}`) });
  if (exclusiveMin !== undefined)
    bounds.push({ broken: (value) => !((value as number) > exclusiveMin), reason: range(`be above ${exclusiveMin}`) });
  if (max !== undefined) bounds.push({ broken: (value) => !((value as number) <= max), reason: range(`be at most ${max}`) });
  if (exclusiveMax !== undefined)
    bounds.push({ broken: (value) => !((value as number) < exclusiveMax), reason: range(`be below ${exclusiveMax}`) });
  if (parameter.enum !== undefined) {
    const allowed = new Set<JsonValue>(parameter.enum);
    bounds.push({
      broken: (value) => !allowed.has(value),
      reason: reason("parameter_not_in_set", `${name} is none of the allowed values`),
    });
  }
  if (minLength !== undefined)
    bounds.push({ broken: (value) => codePoints(value) < minLength, reason: range(`have at least ${minLength} characters`) });
  if (maxLength !== undefined)
    bounds.push({ broken: (value) => codePoints(value) > maxLength, reason: range(`have at most ${maxLength} characters`) });
  if (matches !== undefined) {
    const pattern = patterns.get(matches) ?? RE2JS.compile(matches);
    patterns.set(matches, pattern);
    bounds.push({
      broken: (value) => !pattern.test(value as string),
      reason: reason("parameter_pattern", `${name} does not match its pattern`),
    });
  }
  return bounds;
}

/** The length of a string in Unicode code points, as OPA counts it. */
function codePoints(value: JsonValue): number {
  const text = value as string;
  let pairs = 0;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit >= 0xd800 && unit <= 0xdbff) pairs++;
  }
  return text.length - pairs;
}
