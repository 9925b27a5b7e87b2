/**
 * What has been taken from one account in one window, in whole units. Money that people may spend is in three places:
 * `leased` (in an authz's hands), `reserved` (held for a decision) and `settled` (spent). Together they never exceed the limit that
 * held when they were granted. `overrun` is what was spent without having been granted: it can only be counted, and keeps the next from passing.
 */
export interface Balance {
  readonly leased: number;
  readonly reserved: number;
  readonly settled: number;
  readonly overrun: number;
}

/** What nobody has taken; negative after a limit was lowered or overrun. */
export const remaining = (balance: Balance, limit: number): number =>
  limit - balance.leased - balance.reserved - balance.settled - balance.overrun;

/** Below this share of the limit nobody gets more than is needed now: the rest must not strand with one holder. */
export const scarceShare = 20;

/**
 * How much a lease gets: what is wanted, in scarcity only what is needed, and never more than remains. Less than needed is granted when
 * that is all there is: whoever asked for several waiting calls serves as many as it can.
 */
export function grantable(balance: Balance, limit: number, ask: { readonly need: number; readonly want: number }): number {
  const rest = remaining(balance, limit);
  if (rest <= 0) return 0;
  return Math.min(rest * scarceShare <= limit ? ask.need : Math.max(ask.need, ask.want), rest);
}

/** Where the units of one reservation go when it is known what became of it. */
export interface Settlement {
  readonly settled: number;
  readonly released: number;
  /** Spent beyond what was reserved. */
  readonly overrun: number;
}

/** Settles at most what was reserved; the excess is owed. Without an actual amount the reservation stands as spent. */
export function settlement(reserved: number, actual: number | undefined): Settlement {
  const settled = Math.min(actual ?? reserved, reserved);
  return { settled, released: reserved - settled, overrun: Math.max(0, (actual ?? 0) - reserved) };
}

/** The share of the limit at which people are told when no policy says otherwise. Per cent. */
const thresholdPercent = 80;

/** The units at which people are told. */
export const thresholdOf = (limit: number, notifyUnits: number | undefined): number => notifyUnits ?? (limit * thresholdPercent) / 100;

/** Whether spending has come so far that people should know; units in an authz's hands are not spent yet. */
export const overThreshold = (balance: Balance, threshold: number): boolean => spent(balance) >= threshold;

/**
 * How long after one grant past a throttling threshold the next may follow: what remains, spread evenly over what remains of the window.
 * Milliseconds. A window without an end has nothing to spread over: it is as if an hour remained.
 */
export const paceMs = (rest: number, units: number, untilWindowEnds: number | undefined): number =>
  Math.ceil(((untilWindowEnds ?? 3_600_000) * units) / Math.max(units, rest));

/** Whether `need` cannot be had even if everything leased came back. */
export const exhausted = (balance: Balance, limit: number, need: number): boolean => spent(balance) + need > limit;

/** Reserved or spent. */
export const spent = (balance: Balance): number => balance.reserved + balance.settled + balance.overrun;
