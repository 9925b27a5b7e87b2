import type { BudgetUnit, Money } from "@aegis/policy/ir";
import { unitOfCurrency, unitsOf } from "@aegis/policy/money";
import { type Settlement, settlement } from "./account.ts";

/** What a decision holds on one account, from one lease or directly. */
export interface Held {
  readonly scope: string;
  readonly unit: string;
  readonly window: string;
  readonly units: number;
}

/** What a call really cost; undefined where nobody said. */
export type ActualOf = (held: Held) => number | undefined;

/** What was spent in US dollars and tokens; `money`: the same in the currency it was spent in. */
export interface Spending {
  readonly microUsd: number;
  readonly tokens: number;
  readonly money?: Money | undefined;
}

/** Money and tokens are measured; an action counts as one that was reserved. */
export const measured =
  (actual: Spending | undefined): ActualOf =>
  ({ unit }) => {
    if (actual === undefined || unit === "actions") return undefined;
    // An amount in another currency than the account's says nothing of it.
    const { money } = actual;
    const told = unit === "tokens" || unit === "micro_usd" || (money !== undefined && unit === unitOfCurrency(money.currency));
    return told ? unitsOf(unit as BudgetUnit, actual) : undefined;
  };

/**
 * Settles everything a decision holds. What it holds on one account may have come from several leases: the actual amount fills them
 * one after the other, and what fits in none is owed.
 */
export function settleAll<H extends Held>(
  held: readonly H[],
  actualOf: (held: H) => number | undefined,
): { readonly held: H; readonly settlement: Settlement }[] {
  const left = new Map<string, number>();
  const last = new Map<string, H>();
  for (const one of held) last.set(accountOf(one), one);
  return held.map((one) => {
    const account = accountOf(one);
    const actual = left.get(account) ?? actualOf(one);
    if (actual === undefined) return { held: one, settlement: settlement(one.units, undefined) };
    const share = last.get(account) === one ? actual : Math.min(actual, one.units);
    left.set(account, actual - share);
    return { held: one, settlement: settlement(one.units, share) };
  });
}

/** Nothing of it was spent. */
export const releaseAll = <H extends Held>(held: readonly H[]): { readonly held: H; readonly settlement: Settlement }[] =>
  held.map((one) => ({ held: one, settlement: settlement(one.units, 0) }));

/** After this long without an outcome a reservation counts as spent. Milliseconds. */
export const outcomeGraceMs = 10 * 60_000;

const accountOf = (held: Held) => `${held.scope}\n${held.unit}\n${held.window}`;
