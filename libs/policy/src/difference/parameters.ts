import { escapeSegment } from "@aegis/canonical/pointer";
import type { ActionRule, ParameterRule } from "../ir.ts";
import { ceiling, type Direction, restricts, together } from "./change.ts";
import { meaning } from "./holdings.ts";
import { sameSet, type Tell } from "./report.ts";
import * as words from "./wording.ts";

/** What changed about an action's parameters. `tell` knows the call. */
export function tellParameters(before: ActionRule, after: ActionRule, tell: Tell): void {
  const names = new Set([...before.parameters, ...after.parameters].map(({ name }) => name));
  for (const name of names) {
    const was = before.parameters.findLast((one) => one.name === name);
    const is = after.parameters.findLast((one) => one.name === name);
    const pointer = `/${escapeSegment(name)}`;
    const rules = { before: was ? [was.rule] : [], after: is ? [is.rule] : [] };
    if (was === undefined || is === undefined) {
      tell({
        kind: "parameter",
        direction: is === undefined ? withdrawn(was as ParameterRule, after) : introduced(is, before),
        pointer,
        what: name,
        before: was && words.parameter(was),
        after: is && words.parameter(is),
        rules,
      });
      continue;
    }
    for (const { what, before: earlier, after: later, direction } of fields(was, is)) {
      tell({ kind: "parameter", direction, pointer, what: what === "" ? name : `${name} ${what}`, before: earlier, after: later, rules });
    }
  }
  if (before.additional !== after.additional) {
    const direction = after.additional === "deny" ? "tightens" : "loosens";
    const rules = { before: [before.rule], after: [after.rule] };
    tell({ kind: "additional_parameters", direction, what: "other parameters", before: before.additional, after: after.additional, rules });
  }
}

/** An action that refuses unknown parameters starts to take one, or one that takes any starts to look at it. */
function introduced(is: ParameterRule, before: ActionRule): Direction {
  if (before.additional === "allow") return "tightens";
  return is.optional === true ? "loosens" : "changes";
}

function withdrawn(was: ParameterRule, after: ActionRule): Direction {
  if (after.additional === "allow") return "loosens";
  return was.optional === true ? "tightens" : "changes";
}

interface Field {
  readonly what: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
  readonly direction: Direction;
}

function fields(was: ParameterRule, is: ParameterRule): Field[] {
  const {
    name: _name,
    rule: _rule,
    optional,
    type,
    min,
    max,
    exclusiveMin,
    exclusiveMax,
    minLength,
    maxLength,
    matches,
    beyond,
    ...rest
  } = is;
  const { enum: allowed, ...unknown } = rest;
  // The type checker's reminder: a member that the language gains is compared here, or nothing would be said of it.
  unknown satisfies Record<string, never>;
  const found: Field[] = [];
  const compare = (what: string, before: string | undefined, after: string | undefined, direction: Direction) => {
    if (before !== after) found.push({ what, before, after, direction });
  };
  const upper = (label: string, before: number | undefined, after: number | undefined, unit = "") =>
    compare("", bound(label, before, unit), bound(label, after, unit), ceiling(before, after));
  const lower = (label: string, before: number | undefined, after: number | undefined, unit = "") =>
    compare("", bound(label, before, unit), bound(label, after, unit), ceiling(negative(before), negative(after)));
  compare("presence", was.optional ? "optional" : "required", optional ? "optional" : "required", optional ? "loosens" : "tightens");
  compare(
    "type",
    was.type,
    type,
    was.type === "number" && type === "integer"
      ? "tightens"
      : was.type === "integer" && type === "number"
        ? "loosens"
        : restricts(was.type, type),
  );
  upper("at most", was.max, max);
  upper("below", was.exclusiveMax, exclusiveMax);
  lower("at least", was.min, min);
  lower("above", was.exclusiveMin, exclusiveMin);
  lower("at least", was.minLength, minLength, " characters");
  upper("at most", was.maxLength, maxLength, " characters");
  compare("", was.matches && `matches ${was.matches}`, matches && `matches ${matches}`, restricts(was.matches, matches));
  if (!sameSet((was.enum ?? []).map(meaning), (allowed ?? []).map(meaning)) || (was.enum === undefined) !== (allowed === undefined)) {
    compare("", was.enum && `one of ${words.values(was.enum)}`, allowed && `one of ${words.values(allowed)}`, ofSets(was.enum, allowed));
  }
  compare(
    "beyond its bounds",
    was.beyond ? "a person is asked" : "denied",
    beyond ? "a person is asked" : "denied",
    beyond ? "loosens" : "tightens",
  );
  return found;
}

const bound = (label: string, value: number | undefined, unit: string) =>
  value === undefined ? undefined : `${label} ${words.number(value)}${unit}`;
const negative = (value: number | undefined) => (value === undefined ? undefined : -value);

function ofSets(before: ParameterRule["enum"], after: ParameterRule["enum"]): Direction {
  if (before === undefined || after === undefined) return restricts(before, after);
  const [was, is] = [new Set(before), new Set(after)];
  return together([
    ...[...was].filter((one) => !is.has(one)).map(() => "tightens" as const),
    ...[...is].filter((one) => !was.has(one)).map(() => "loosens" as const),
  ]);
}
