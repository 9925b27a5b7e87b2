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

/** Money and tokens are measured; an action counts as one that was reserved. */
export const measured =
  (actual: { readonly microUsd: number; readonly tokens: number } | undefined): ActualOf =>
  (held) =>
    held.unit === "micro_usd" ? actual?.microUsd : held.unit === "tokens" ? actual?.tokens : undefined;

/**
 * Settles everything a decision holds. What it holds on one account may have come from several leases: the actual amount fills them
 * one after the other, and what fits in none is owed.
 */
export function settleAll<H extends Held>(held: readonly H[], actualOf: ActualOf): { readonly held: H; readonly settlement: Settlement }[] {
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
