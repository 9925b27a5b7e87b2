import { usage } from "../failure.ts";
import { table } from "../output.ts";

/** One account in its present window; micro_usd are millionths of a US dollar, micro_eur of a euro. */
export interface BudgetLine {
  scope: string;
  unit: string;
  window: string;
  limit: number;
  reserved: number;
  settled: number;
  remaining: number;
}

/** Budgets as a table for people. */
export const describe = (lines: readonly BudgetLine[]): string =>
  table(
    ["scope", "unit", "window", "limit", "reserved", "settled", "remaining"],
    lines.map(({ scope, unit, window, ...line }) => [
      scope,
      unitName(unit),
      window,
      ...[line.limit, line.reserved, line.settled, line.remaining].map((value) => amountOf(unit, value)),
    ]),
  );

/** A number of units as somebody wrote it. @throws a usage failure for what is none. */
export function whole(value: number, text: string): number {
  if (!Number.isSafeInteger(value) || value < 0) throw usage(`"${text}" is not an amount: write a number of 0 or more`);
  return value;
}

/** `micro_eur` as `eur`. */
export const unitName = (unit: string): string => unit.replace(/^micro_/, "");

/** Money in units of its currency, all else as it is. */
export const amountOf = (unit: string, value: number): string => (unit.startsWith("micro_") ? (value / 1e6).toFixed(2) : String(value));
