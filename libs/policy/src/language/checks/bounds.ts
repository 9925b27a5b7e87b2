import { RE2JS } from "re2js";
import type { ParameterRule, ScalarValue } from "../../ir.ts";
import type { FaultCode } from "../fault.ts";
import { patternShape } from "./pattern-shape.ts";

/** What an author wrote about one parameter. Absent: not written. */
export type Bounds = { readonly [K in keyof Omit<ParameterRule, "name" | "rule" | "optional" | "beyond">]?: ParameterRule[K] | undefined };
export type Bound = keyof Bounds;

/** A contradiction, at the bound that stands in the way, or at one of its allowed values. */
export interface BoundFault {
  readonly at: Bound;
  /** Of `enum`: which value. */
  readonly index?: number;
  readonly code: FaultCode;
  readonly message: string;
  readonly hint: string;
}

const numeric = ["min", "max", "exclusiveMin", "exclusiveMax"] as const;
const maxTried = 500;
const textual = ["matches", "minLength", "maxLength"] as const;

/** How a document spells a bound. */
export const spelled = (bound: Bound): string => bound.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** Everything about a parameter's bounds that cannot hold together. */
export function boundFaults(bounds: Bounds): BoundFault[] {
  const misplaced = misplacedBounds(bounds);
  const usable = Object.fromEntries(Object.entries(bounds).filter(([name]) => !misplaced.some(({ at }) => at === name))) as Bounds;
  const ranges = [...redundantBounds(usable), ...emptyRanges(usable)];
  return [...misplaced, ...ranges, ...(ranges.length > 0 ? [] : [...impossiblePatterns(usable), ...impossibleValues(usable)])];
}

function misplacedBounds(bounds: Bounds): BoundFault[] {
  const { type } = bounds;
  const has = (names: readonly Bound[]) => names.some((name) => bounds[name] !== undefined);
  const number = type === undefined ? has(numeric) : type === "number" || type === "integer";
  const string = type === undefined ? !number && has(textual) : type === "string";
  const other = type ?? (number ? "number" : "string");
  const wrong = (names: readonly Bound[], what: string): BoundFault[] =>
    names
      .filter((name) => bounds[name] !== undefined)
      .map((at) => {
        const message = `${spelled(at)} bounds a ${what}, and the parameter is ${/^[aeiou]/.test(other) ? "an" : "a"} ${other}`;
        return { at, code: "misplaced_bound", message, hint: "drop one of them" };
      });
  return [...(number ? [] : wrong(numeric, "number")), ...(string ? [] : wrong(textual, "string"))];
}

function redundantBounds(bounds: Bounds): BoundFault[] {
  const both = (open: "exclusiveMin" | "exclusiveMax", closed: "min" | "max"): BoundFault[] =>
    bounds[open] === undefined || bounds[closed] === undefined
      ? []
      : [{ at: open, code: "redundant_bound", message: `${closed} and ${spelled(open)} are both there`, hint: "keep one of them" }];
  return [...both("exclusiveMin", "min"), ...both("exclusiveMax", "max")];
}

function emptyRanges(bounds: Bounds): BoundFault[] {
  const { min, max, exclusiveMin, exclusiveMax, minLength, maxLength, type } = bounds;
  const faults: BoundFault[] = [];
  const [low, high] = [min ?? exclusiveMin, max ?? exclusiveMax];
  const at = max === undefined ? "exclusiveMax" : "max";
  if (low !== undefined && high !== undefined) {
    const open = min === undefined || max === undefined;
    const hint = low > high ? `swap them: from ${high} to ${low}` : "widen them";
    if (low > high || (low === high && open))
      faults.push({ at, code: "empty_range", message: `no number lies from ${low} to ${high}`, hint });
    else if (type === "integer") {
      const least = min === undefined ? Math.floor(low) + 1 : Math.ceil(low);
      const most = max === undefined ? Math.ceil(high) - 1 : Math.floor(high);
      if (least > most) {
        faults.push({
          at,
          code: "empty_range",
          message: `no whole number lies from ${low} to ${high}`,
          hint: "widen them, or write type: number",
        });
      }
    }
  }
  if (minLength !== undefined && maxLength !== undefined && minLength > maxLength) {
    const hint = `swap them: from ${maxLength} to ${minLength}`;
    faults.push({ at: "maxLength", code: "empty_range", message: `no length lies from ${minLength} to ${maxLength}`, hint });
  }
  return faults;
}

function impossiblePatterns({ matches, minLength, maxLength }: Bounds): BoundFault[] {
  const shape = matches === undefined ? undefined : patternShape(matches);
  if (shape === undefined) return [];
  const fault = (at: Bound, message: string, hint: string): BoundFault[] => [{ at, code: "impossible_pattern", message, hint }];
  if (maxLength !== undefined && shape.least > maxLength)
    return fault("maxLength", `what matches has ${shape.least} characters or more`, `write max_length: ${shape.least} or more`);
  if (minLength !== undefined && shape.atStart && shape.atEnd && shape.most < minLength)
    return fault("minLength", `what matches has ${shape.most} characters or fewer`, `write min_length: ${shape.most} or less`);
  return [];
}

function impossibleValues(bounds: Bounds): BoundFault[] {
  const values = bounds.enum;
  if (values === undefined) return [];
  // Matching is the costly part, and a list of so many was not written by hand.
  const tried = values.length > maxTried ? { ...bounds, matches: undefined } : bounds;
  const excluded = values.map((value) => excludedBy(value, tried));
  if (values.length > 1 && excluded.every((bound) => bound !== undefined)) {
    const names = [...new Set(excluded)].map((bound) => spelled(bound!)).join(" and ");
    const hint = `allow values that ${names} ${names.includes(" ") ? "permit" : "permits"}, or drop ${names}`;
    return [{ at: "enum", code: "impossible_parameter", message: `${names} leaves none of the allowed values`, hint }];
  }
  return values.flatMap((value, index): BoundFault[] => {
    const bound = excluded[index];
    if (bound === undefined) return [];
    const message = `${shown(value)} is allowed, and excluded by ${spelled(bound)}: ${shown(bounds[bound] as ScalarValue)}`;
    return [{ at: "enum", index, code: "impossible_value", message, hint: `take it out, or change ${spelled(bound)}` }];
  });
}

/** The bound that a value breaks, if any. */
export function excludedBy(value: ScalarValue, bounds: Bounds): Bound | undefined {
  const { type, min, max, exclusiveMin, exclusiveMax, minLength, maxLength, matches } = bounds;
  if (type !== undefined && !isOfType(value, type)) return "type";
  const wantsNumber = numeric.find((name) => bounds[name] !== undefined);
  const wantsString = textual.find((name) => bounds[name] !== undefined);
  if (typeof value === "number") {
    if (min !== undefined && value < min) return "min";
    if (max !== undefined && value > max) return "max";
    if (exclusiveMin !== undefined && value <= exclusiveMin) return "exclusiveMin";
    if (exclusiveMax !== undefined && value >= exclusiveMax) return "exclusiveMax";
    return wantsString;
  }
  if (wantsNumber !== undefined) return wantsNumber;
  if (typeof value !== "string") return wantsString;
  const length = [...value].length;
  if (minLength !== undefined && length < minLength) return "minLength";
  if (maxLength !== undefined && length > maxLength) return "maxLength";
  if (matches !== undefined && !RE2JS.compile(matches).matcher(value).find()) return "matches";
  return undefined;
}

function isOfType(value: ScalarValue, type: NonNullable<Bounds["type"]>): boolean {
  if (type === "integer") return Number.isInteger(value);
  return value !== null && typeof value === type;
}

const shown = (value: ScalarValue): string => {
  const text = JSON.stringify(value);
  return text.length > 64 ? `${text.slice(0, 64)}…` : text;
};
