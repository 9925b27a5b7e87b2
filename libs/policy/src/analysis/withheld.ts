import { segmentsOf } from "@aegis/canonical/pointer";
import type { DecisionData } from "@aegis/contracts/decision-event";
import type { ActionRule, PolicySet } from "../ir.ts";
import { incompleteness } from "./recorded-call.ts";

/** What a policy set reads of a call's texts, so that one in whose place a redaction stands could be judged otherwise. */
interface Compared {
  readonly parameters: ReadonlySet<string>;
  readonly whole: boolean;
}

/** Says of a record why a policy set cannot judge it as it was called; undefined when it can. */
export type Withheld = (data: DecisionData) => string | undefined;

/**
 * Prepares the question for one set. A redacted value is only in the way where a rule of this very action looks at it: a bound, a
 * pattern, a list of values or a condition.
 */
export function prepareWithheld(set: PolicySet): Withheld {
  const compared = new Map<string, Compared>();
  for (const policy of set.policies) {
    for (const tool of policy.tools) {
      for (const action of tool.actions) {
        const key = keyOf(tool.name, action.name);
        const known = compared.get(key);
        const more = comparedBy(action);
        compared.set(key, {
          parameters: new Set([...(known?.parameters ?? []), ...more.parameters]),
          whole: (known?.whole ?? false) || more.whole,
        });
      }
    }
  }
  return (data) => {
    const incomplete = incompleteness(data);
    if (incomplete !== undefined || data.redactions.length === 0) return incomplete;
    const rules = compared.get(keyOf(data.tool, data.action));
    if (rules === undefined) return undefined;
    if (rules.whole) return "a condition reads arguments of which some were redacted";
    const hidden = data.redactions.some(({ pointer }) => rules.parameters.has(parameterOf(pointer)));
    return hidden ? "a rule compares a parameter that was redacted" : undefined;
  };
}

const bounds = ["matches", "enum", "minLength", "maxLength", "min", "max", "exclusiveMin", "exclusiveMax"] as const;

function comparedBy({ parameters, when, costUsd, costMoney }: ActionRule): Compared {
  const bounded = parameters.filter((parameter) => bounds.some((bound) => parameter[bound] !== undefined));
  return { parameters: new Set(bounded.map(({ name }) => name)), whole: [when, costUsd, costMoney].some((one) => one !== undefined) };
}

const keyOf = (tool: string, action: string): string => `${tool}\n${action}`;

/** The parameter a JSON pointer leads into: its first segment. */
const parameterOf = (pointer: string): string => segmentsOf(pointer)[0] ?? "";
