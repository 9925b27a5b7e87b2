import { orders } from "./orders.ts";

type Settle = (
  candidates: readonly unknown[],
  known: unknown,
) => { fresh: readonly unknown[]; alarms: readonly unknown[]; duplicates: number };

/** audit's eye for repeats with a planted defect. */
export function wrap({ settle: real }: { readonly settle: Settle }): { readonly settle: Settle } {
  return {
    settle: (candidates, known) =>
      orders().sabotage === "no-dedupe" ? { fresh: candidates, alarms: [], duplicates: 0 } : real(candidates, known),
  };
}
