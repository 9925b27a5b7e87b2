import { usage } from "../failure.ts";
import { table } from "../output.ts";

/** One account in its present window; micro_usd are millionths of a US dollar. */
export interface BudgetLine {
  scope: string;
  unit: "micro_usd" | "tokens" | "actions";
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
      unit === "micro_usd" ? "usd" : unit,
      window,
      ...[line.limit, line.reserved, line.settled, line.remaining].map((value) => amount(unit, value)),
    ]),
  );

/** A number of units as somebody wrote it. @throws a usage failure for what is none. */
export function whole(value: number, text: string): number {
  if (!Number.isSafeInteger(value) || value < 0) throw usage(`"${text}" is not an amount: write a number of 0 or more`);
  return value;
}

const amount = (unit: string, value: number): string => (unit === "micro_usd" ? (value / 1e6).toFixed(2) : String(value));
