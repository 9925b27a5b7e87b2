import type { JsonValue } from "@aegis/canonical/ijson";
import type { Bound } from "./bound.ts";
import { celMember } from "./cel-text.ts";
import { isRedacted } from "./redacted-text.ts";
import type { ActionTraffic } from "./traffic.ts";
import { type ShapeLimits, valueBound } from "./value-bound.ts";

/** Lets others run between two steps of long work. */
export type Pause = () => Promise<void>;

export const noPause: Pause = async () => undefined;

/** What was learned of one parameter. */
export interface ParameterDraft {
  readonly name: string;
  /** Calls that had it. */
  readonly present: number;
  readonly optional: boolean;
  readonly bound: Bound;
}

export interface ActionDraft {
  readonly tool: string;
  readonly action: string;
  readonly calls: number;
  readonly samples: number;
  readonly parameters: readonly ParameterDraft[];
  /** Names of parameters are data: a list of them would refuse the next one. */
  readonly open: boolean;
  /** What the language cannot say of a single parameter, as one CEL condition; "" when there is nothing. */
  readonly when: string;
}

export interface ActionLimits extends ShapeLimits {
  readonly parameters: number;
}

/** A parameter that every one of so many calls had is required. */
const requiredFrom = 5;
/** Names that were seen once, when they are so many and most of all: they are data, not parameters. */
const strangeNames = 10;
const longestCondition = 6_000;

/** The rules of one action from the calls of it. */
export async function draftAction(
  { tool, action, calls, arguments: samples }: ActionTraffic,
  limits: ActionLimits,
  pause: Pause = noPause,
): Promise<ActionDraft> {
  const places = new Map<string, JsonValue[]>();
  for (const sample of samples) {
    for (const [name, value] of Object.entries(sample)) {
      if (isRedacted(name) || name === "" || name.length > 256) continue;
      const values = places.get(name);
      if (values) values.push(value);
      else places.set(name, [value]);
    }
  }
  const singles = [...places.values()].filter((values) => values.length === 1).length;
  const open = places.size > limits.parameters || (singles > strangeNames && singles > places.size / 2);
  const kept = [...places].filter(([, values]) => !open || values.length >= samples.length / 100).slice(0, limits.parameters);
  const parameters: ParameterDraft[] = [];
  for (const [name, values] of kept) {
    await pause();
    const optional = values.length < samples.length || samples.length < requiredFrom;
    parameters.push({ name, present: values.length, optional, bound: valueBound(values, limits) });
  }
  return { tool, action, calls, samples: samples.length, parameters, open, when: conditionOf(parameters) };
}

function conditionOf(parameters: readonly ParameterDraft[]): string {
  const parts: string[] = [];
  let length = 0;
  for (const { name, optional, bound } of parameters) {
    if (!isPartial(bound)) continue;
    const inner = bound.condition(celMember("args", name));
    if (inner === "" || length + inner.length > longestCondition) continue;
    length += inner.length;
    parts.push(optional ? `(!(${JSON.stringify(name)} in args) || (${inner}))` : `(${inner})`);
  }
  return parts.join(" && ");
}

/** Whether the parameter's own members say less than the bound. */
const isPartial = ({ members }: Bound): boolean =>
  members.length === 0 || members.some(([name, yaml]) => name === "type" && (yaml === "array" || yaml === "object"));
