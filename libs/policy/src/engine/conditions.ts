import type { Reason } from "@aegis/contracts/reasons";
import type { Expression } from "../cel/expression.ts";
import type { prepareExpression } from "../cel/prepare.ts";
import type { EvaluationInput } from "../input.ts";
import type { ActionRule } from "../ir.ts";
import { microUnits, type PriceOf } from "./cost.ts";
import { environmentOf } from "./environment.ts";
import type { Outcome } from "./outcome.ts";

/** Tells an action's condition of one call. */
export type ConditionCheck = (input: EvaluationInput, outcome: Outcome) => void;

/** An expression's value in one call, or why it has none. */
export type Evaluate = ReturnType<typeof prepareExpression>;

/** Prepares an expression once, whoever uses it. */
export type Prepare = (expression: Expression) => Evaluate;

/** False is what a person may lift where the action names a way to one; an error is nobody's to lift. */
export function prepareCondition({ when, approval, approvalAlways }: ActionRule, prepare: Prepare): ConditionCheck | undefined {
  if (when === undefined) return undefined;
  const { rule, expression } = when;
  const evaluate = prepare(expression);
  const approvable = approval !== undefined || approvalAlways === true;
  const broken: Reason = Object.freeze({ code: "condition_false", message: `the condition is not met: ${brief(expression.text)}`, rule });
  return (input, outcome) => {
    const result = evaluate(outcome.environment(input));
    if (!result.ok) outcome.deny({ code: "condition_false", message: `the condition cannot be told: ${result.message}`, rule });
    else if (result.value !== true) outcome.violation(broken, approvable);
  };
}

export function preparePrice({ costUsd }: ActionRule, prepare: Prepare): PriceOf | undefined {
  if (costUsd === undefined) return undefined;
  const evaluate = prepare(costUsd);
  return (input) => {
    const result = evaluate(environmentOf(input));
    if (!result.ok) return result.message;
    const { value } = result;
    return (typeof value === "number" ? microUnits(value) : undefined) ?? "the expression gives no amount of money";
  };
}

const brief = (text: string): string => (text.length <= 120 ? text : `${text.slice(0, 119)}…`);
