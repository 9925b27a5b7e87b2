import type { Reason } from "@aegis/contracts/reasons";
import type { EvaluationInput, Verdict } from "../input.ts";
import type { CatalogAction } from "../ir.ts";
import type { PreparedAction } from "./prepared.ts";

/** What a call costs; with a reason when that cannot be told and nothing bounds it. */
export interface Price {
  readonly cost: Verdict["cost"];
  readonly unknown?: Reason;
}

/** Computes a rule's price in micro-units of a US dollar; a text says why it cannot. */
export type PriceOf = (input: EvaluationInput) => number | string;

/**
 * The policy's price, the dearest of several; without one, the caller's estimate; without that, the catalog's. A price that cannot be
 * computed is the most that the catalog says a call can cost.
 */
export function priceOf(input: EvaluationInput, rules: readonly PreparedAction[], known: CatalogAction | undefined): Price {
  const { estimate } = input;
  const tokens = tokensOf(input, rules, known);
  let price: number | undefined;
  for (const { source, price: compute } of rules) {
    let own = source.costMicroUsd;
    if (compute !== undefined) {
      const computed = compute(input);
      if (typeof computed === "number") own = computed;
      else if (known?.maxCostMicroUsd !== undefined) own = known.maxCostMicroUsd;
      else return { cost: noCost, unknown: unknownCost(computed, source.rule) };
    }
    if (own !== undefined && (price === undefined || own > price)) price = own;
  }
  const estimated = estimate === undefined ? 0 : units(estimate.microUsd);
  // A caller that says nothing and one that says 0 look the same.
  const microUsd = price ?? (estimated > 0 ? estimated : (known?.costMicroUsd ?? known?.maxCostMicroUsd ?? 0));
  return microUsd === 0 && tokens === 0 ? free : { cost: { microUsd, tokens } };
}

/**
 * Tokens: the most that the caller estimates and any of the policies say, so that nobody estimates them away; without either, what the
 * catalog says they are, or are at most.
 */
function tokensOf({ estimate }: EvaluationInput, rules: readonly PreparedAction[], known: CatalogAction | undefined): number {
  const told = Math.max(estimate === undefined ? 0 : units(estimate.tokens), ...rules.map(({ source }) => source.costTokens ?? 0));
  return told > 0 || rules.some(({ source }) => source.costTokens !== undefined) ? told : (known?.costTokens ?? known?.maxCostTokens ?? 0);
}

/** A price in US dollars as whole micro-units, rounded up; `undefined` when it is none. What only binary fractions add is no part of it. */
export function microUnits(usd: number): number | undefined {
  const exact = usd * 1e6;
  if (!(exact >= 0 && exact <= Number.MAX_SAFE_INTEGER)) return undefined;
  const nearest = Math.round(exact);
  return Math.abs(exact - nearest) <= 4 * Number.EPSILON * exact ? nearest : Math.ceil(exact);
}

export const noCost: Verdict["cost"] = Object.freeze({ microUsd: 0, tokens: 0 });
const free: Price = Object.freeze({ cost: noCost });

const unknownCost = (why: string, rule: string): Reason => ({
  code: "budget_exhausted",
  message: `what the call costs cannot be told, and no catalog says what it can cost at most: ${why}`,
  rule,
});

/** A caller's estimate as whole units. A negative one would give budget back. */
const units = (estimate: number): number => (estimate > 0 ? Math.min(Math.ceil(estimate), Number.MAX_SAFE_INTEGER) : 0);
