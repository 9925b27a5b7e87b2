import type { Cost } from "../input.ts";
import type { BudgetUnit, Governance, Money } from "../ir.ts";

type Rates = Governance["exchangeRates"];

/** An amount in US dollars, and what it was before. */
export type Priced = Omit<Cost, "tokens">;

/**
 * What an amount counts as in US dollars by a tenant's declared rates, rounded up; a text says why that cannot be told. An amount in
 * US dollars is one already.
 */
export function inUsDollars({ currency, micro }: Money, rates: Rates): Priced | string {
  if (currency === "USD") return { microUsd: micro };
  const rate = rates !== undefined && Object.hasOwn(rates.usd, currency) ? rates.usd[currency] : undefined;
  if (rate === undefined) return `no exchange rate is declared for ${currency}`;
  const microUsd = atRate(micro, rate);
  return microUsd === undefined ? "the amount is out of range" : { microUsd, money: { currency, micro, rate } };
}

/**
 * What a cost that a member's rates gave is worth to its organisation: one that declares rates is not bound to its members' own. A text
 * says why it cannot be told.
 */
export function inRatesOf<C extends { readonly microUsd: number; readonly money?: Money | undefined }>(
  organisation: Rates,
  cost: C,
): C | string {
  if (cost.money === undefined || organisation === undefined) return cost;
  const priced = inUsDollars(cost.money, organisation);
  return typeof priced === "string" ? priced : { ...cost, ...priced };
}

/** A price in a currency's unit as whole micro-units, rounded up; `undefined` when it is none. */
export const microUnits = (amount: number): number | undefined => wholeUp(amount * 1e6);

/** The product with the rate as it was written in decimals, rounded up: nothing binary is rounded on the way. */
function atRate(micro: number, rate: number): number | undefined {
  const product = micro * rate;
  if (!(product >= 0 && product <= Number.MAX_SAFE_INTEGER)) return undefined;
  if (product < 1) return Math.ceil(product);
  const [digits = "", exponent] = rate.toExponential().split("e");
  const places = (digits.split(".")[1] ?? "").length - Number(exponent);
  const exact = BigInt(micro) * BigInt(digits.replace(".", "")) * 10n ** BigInt(Math.max(0, -places));
  const unit = 10n ** BigInt(Math.max(0, places));
  const whole = Number((exact + unit - 1n) / unit);
  return Number.isSafeInteger(whole) ? whole : undefined;
}

/** What only binary fractions add is no part of it. */
function wholeUp(exact: number): number | undefined {
  if (!(exact >= 0 && exact <= Number.MAX_SAFE_INTEGER)) return undefined;
  const nearest = Math.round(exact);
  return Math.abs(exact - nearest) <= 4 * Number.EPSILON * exact ? nearest : Math.ceil(exact);
}

/** How much of a cost an account of this unit is charged. Money of another currency than the account's is no part of it, except in US dollars. */
export function unitsOf(
  unit: BudgetUnit,
  cost: { readonly microUsd: number; readonly tokens: number; readonly money?: Money | undefined },
): number {
  if (unit === "actions") return 1;
  if (unit === "tokens") return cost.tokens;
  if (unit === "micro_usd") return cost.microUsd;
  return cost.money !== undefined && unit === unitOfCurrency(cost.money.currency) ? cost.money.micro : 0;
}

/** `EUR` as `micro_eur`. */
export const unitOfCurrency = (currency: string): BudgetUnit => `micro_${currency.toLowerCase()}`;

/** `micro_eur` as `EUR`; undefined for what is no money. */
export const currencyOfUnit = (unit: string): string | undefined =>
  unit.startsWith("micro_") ? unit.slice("micro_".length).toUpperCase() : undefined;
