import { usage } from "../failure.ts";
import { whole } from "./budget-lines.ts";

/** An amount in a currency other than US dollars, in millionths of its unit. */
export interface Money {
  currency: string;
  micro: number;
}

/** `EUR 12.50` as somebody wrote it. @throws a usage failure for what is none. */
export function moneyIn(text: string): Money {
  const [, currency, amount] = /^([A-Z]{3}) (\d+(?:\.\d{1,6})?)$/.exec(text) ?? [];
  if (currency === undefined || amount === undefined)
    throw usage(`"${text}" is no amount of money: write a currency and an amount, as "EUR 12.50"`);
  return { currency, micro: whole(Math.round(Number(amount) * 1e6), text) };
}
