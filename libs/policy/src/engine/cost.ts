import type { Reason } from "@aegis/contracts/reasons";
import type { EvaluationInput, Verdict } from "../input.ts";
import type { CatalogAction, Governance } from "../ir.ts";
import { inUsDollars, type Priced } from "./money.ts";
import type { PreparedAction } from "./prepared.ts";

/** What a call costs; with a reason when that cannot be told and nothing bounds it. */
export interface Price {
  readonly cost: Verdict["cost"];
  readonly unknown?: Reason;
}

/** A rule's price of a call, or why it cannot be told; `atMost`: the most that the catalog says stands for it. */
export type PriceOf = (input: EvaluationInput) => Priced | { readonly why: string; readonly atMost: boolean };

/**
 * The policy's price, the dearest of several, which cannot be told where they are in several currencies; without one, the caller's estimate;
 * without that, the catalog's. A price that cannot be computed is the most that the catalog says a call can cost. One in a currency without a
 * declared rate is unknown, whatever the catalog says: a ceiling in that currency could not be held.
 */
export function priceOf(
  input: EvaluationInput,
  rules: readonly PreparedAction[],
  known: CatalogAction | undefined,
  rates: Governance["exchangeRates"],
): Price {
  const tokens = tokensOf(input, rules, known);
  let price: Priced | undefined;
  for (const { source, price: compute } of rules) {
    let own: Priced | undefined = source.costMicroUsd === undefined ? undefined : { microUsd: source.costMicroUsd };
    if (compute !== undefined) {
      const computed = compute(input);
      const most = "why" in computed && computed.atMost ? atMostOf(known, rates) : undefined;
      if (!("why" in computed)) own = computed;
      else if (most !== undefined && typeof most !== "string") own = most;
      else return { cost: noCost, unknown: unknownCost(most ?? computed.why, !computed.atMost || most !== undefined, source.rule) };
    }
    if (own === undefined || (price !== undefined && own.microUsd <= 0)) continue;
    const [one, other] = [currencyOf(price), currencyOf(own)];
    if (price !== undefined && price.microUsd > 0 && one !== other)
      return { cost: noCost, unknown: unknownCost(`policies give it in ${one} and in ${other}`, true, source.rule) };
    if (price === undefined || own.microUsd > price.microUsd) price = own;
  }
  const otherwise = price ?? estimated(input, rates) ?? catalogued(known, rates) ?? { microUsd: 0 };
  if (typeof otherwise === "string") return { cost: noCost, unknown: unknownCost(otherwise, true, known?.rule ?? rates?.rule) };
  return otherwise.microUsd === 0 && tokens === 0 && otherwise.money === undefined ? free : { cost: { ...otherwise, tokens } };
}

const currencyOf = (price: Priced | undefined): string => price?.money?.currency ?? "USD";

/** A caller that says nothing and one that says 0 look the same. */
function estimated({ estimate }: EvaluationInput, rates: Governance["exchangeRates"]): Priced | string | undefined {
  if (estimate?.money !== undefined) {
    const micro = units(estimate.money.micro);
    return micro > 0 ? inUsDollars({ ...estimate.money, micro }, rates) : undefined;
  }
  const microUsd = estimate === undefined ? 0 : units(estimate.microUsd);
  return microUsd > 0 ? { microUsd } : undefined;
}

function catalogued(known: CatalogAction | undefined, rates: Governance["exchangeRates"]): Priced | string | undefined {
  if (known?.costMoney !== undefined) return inUsDollars(known.costMoney, rates);
  return known?.costMicroUsd === undefined ? atMostOf(known, rates) : { microUsd: known.costMicroUsd };
}

function atMostOf(known: CatalogAction | undefined, rates: Governance["exchangeRates"]): Priced | string | undefined {
  if (known?.maxCostMoney !== undefined) return inUsDollars(known.maxCostMoney, rates);
  return known?.maxCostMicroUsd === undefined ? undefined : { microUsd: known.maxCostMicroUsd };
}

/**
 * Tokens: the most that the caller estimates and any of the policies say, so that nobody estimates them away; without either, what the
 * catalog says they are, or are at most.
 */
function tokensOf({ estimate }: EvaluationInput, rules: readonly PreparedAction[], known: CatalogAction | undefined): number {
  const told = Math.max(estimate === undefined ? 0 : units(estimate.tokens), ...rules.map(({ source }) => source.costTokens ?? 0));
  return told > 0 || rules.some(({ source }) => source.costTokens !== undefined) ? told : (known?.costTokens ?? known?.maxCostTokens ?? 0);
}

export const noCost: Verdict["cost"] = Object.freeze({ microUsd: 0, tokens: 0 });
const free: Price = Object.freeze({ cost: noCost });

const unknownCost = (why: string, final: boolean, rule: string | undefined): Reason => ({
  code: "budget_exhausted",
  message: `what the call costs cannot be told${final ? "" : ", and no catalog says what it can cost at most"}: ${why}`,
  ...(rule !== undefined && { rule }),
});

/** A caller's estimate as whole units. A negative one would give budget back. */
const units = (estimate: number): number => (estimate > 0 ? Math.min(Math.ceil(estimate), Number.MAX_SAFE_INTEGER) : 0);
