import type { Expression } from "../cel/expression.ts";
import { regoOf } from "../cel/rego.ts";
import { celRego } from "../cel/rego-library.ts";
import { regoLiteral } from "../cel/rego-literal.ts";
import type { PolicySet } from "../ir.ts";

/**
 * The conditions of a set: one Rego function for each, however many rules share it, and `outcome_of`, which finds it by its text. A set
 * without conditions carries no CEL.
 */
export function conditionsRego(policies: PolicySet): string {
  const conditions = [...conditionsOf(policies).values()];
  if (conditions.length === 0) return `outcome_of(_, _) := {"e": 0}\n`;
  const functions = conditions.map((expression, at) => {
    const name = `condition_${at}`;
    return `${regoOf(expression, name)}\noutcome_of(${regoLiteral(expression.text)}, env) := ${name}(env)\n`;
  });
  return [celRego, ...functions].join("\n");
}

/** By text, which is all their meaning. */
function conditionsOf({ policies }: PolicySet): Map<string, Expression> {
  const found = new Map<string, Expression>();
  for (const { tools } of policies) {
    for (const { actions } of tools) {
      for (const { when } of actions)
        if (when !== undefined && !found.has(when.expression.text)) found.set(when.expression.text, when.expression);
    }
  }
  return found;
}
