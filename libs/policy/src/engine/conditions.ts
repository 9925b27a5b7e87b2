import type { Reason } from "@aegis/contracts/reasons";
import type { Expression } from "../cel/expression.ts";
import type { prepareExpression } from "../cel/prepare.ts";
import type { EvaluationInput } from "../input.ts";
import type { ActionRule, Governance } from "../ir.ts";
import type { PriceOf } from "./cost.ts";
import { environmentOf } from "./environment.ts";
import { inUsDollars, microUnits } from "./money.ts";
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

/** The price of a call under a rule that does not say a number of US dollars. */
export function preparePrice(
  { costUsd, costMoney }: ActionRule,
  prepare: Prepare,
  rates: Governance["exchangeRates"],
): PriceOf | undefined {
  const amount = costUsd ?? costMoney?.amount;
  if (amount === undefined) return undefined;
  const evaluate = typeof amount === "number" ? undefined : prepare(amount);
  const microOf = (input: EvaluationInput): number | string => {
    if (evaluate === undefined) return amount as number;
    const result = evaluate(environmentOf(input));
    if (!result.ok) return result.message;
    const { value } = result;
    return (typeof value === "number" ? microUnits(value) : undefined) ?? "the expression gives no amount of money";
  };
  return (input) => {
    const micro = microOf(input);
    if (typeof micro === "string") return { why: micro, atMost: true };
    if (costMoney === undefined) return { microUsd: micro };
    const currency = currencyIn(costMoney.currency, input);
    const priced =
      currency === undefined
        ? "the argument that names the currency is no code of three capital letters"
        : inUsDollars({ currency, micro }, rates);
    return typeof priced === "string" ? { why: priced, atMost: false } : priced;
  };
}

/** What an argument holds otherwise is not repeated: it may be anything. */
function currencyIn(currency: string | { readonly argument: string }, input: EvaluationInput): string | undefined {
  if (typeof currency === "string") return currency;
  const named = Object.hasOwn(input.arguments, currency.argument) ? input.arguments[currency.argument] : undefined;
  return typeof named === "string" && /^[A-Z]{3}$/.test(named) ? named : undefined;
}

const brief = (text: string): string => (text.length <= 120 ? text : `${text.slice(0, 119)}…`);
