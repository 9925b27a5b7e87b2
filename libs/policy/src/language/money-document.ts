import type { ActionRule, Governance, Money } from "../ir.ts";
import { cost } from "./expression-document.ts";
import { eitherOf, entries, fault, keyed, mapOf, type Place, type Reader, reader, record, required } from "./reader.ts";
import { brief, number, textOf } from "./scalars.ts";
import type { Schema } from "./schema.ts";
import type { SourceDocument } from "./source.ts";
import { nearestTo } from "./suggest.ts";

const codes = new Set(Intl.supportedValuesOf("currency"));

/** A currency of ISO 4217 other than the one that all is counted in. */
function known(code: string, place: Place): string | undefined {
  if (code === "USD") return fault(place, "unknown_currency", `${place.path} names US dollars, which all is counted in`, 'write "usd"');
  if (codes.has(code)) return code;
  const near = nearestTo(code, codes);
  const hint = near === undefined ? "write a code of ISO 4217 such as EUR" : `did you mean "${near}"?`;
  return fault(place, "unknown_currency", `"${brief(code)}" is no currency`, hint);
}

/** Whether its rate is declared shows when all is read. */
function used(code: string, place: Place): string | undefined {
  const currency = known(code, place);
  if (currency !== undefined) place.source.currencies.push({ code: currency, at: place.position });
  return currency;
}

const moneyPattern = /^([A-Z]{3}) (\d{1,10}(?:\.\d{1,6})?)$/;

/** `EUR 100.50`, in whole micro-units. */
export const money: Reader<Money> = textOf({ pattern: moneyPattern.source, examples: ["EUR 100"] }, (value, place) => {
  const [, code = "", amount] = moneyPattern.exec(value) ?? [];
  if (amount === undefined)
    return fault(place, "invalid_money", `"${brief(value)}" is no amount of money`, "write a currency and an amount, as EUR 100.50");
  if (Number(amount) > 1e9) return fault(place, "out_of_range", `${place.path} is ${value}`, `write ${code} 0 to ${code} 1000000000`);
  const currency = used(code, place);
  return currency === undefined ? undefined : { currency, micro: Math.round(Number(amount) * 1e6) };
});

const currencyPattern = /^(?:[A-Z]{3}|args\.[A-Za-z_][A-Za-z0-9_]{0,127})$/;

/** A currency, or the argument of the call that names it. */
const currency: Reader<string | { readonly argument: string }> = textOf({ pattern: currencyPattern.source }, (value, place) => {
  if (value.startsWith("args.") && currencyPattern.test(value)) return { argument: value.slice("args.".length) };
  return used(value, place);
});

const computed = record({
  amount: required(cost, "A number, or a CEL expression over the same variables as `when`, in units of the currency."),
  currency: required(
    currency,
    "A code of ISO 4217, or the argument that names one, as `args.currency`. One without a declared rate is denied; `USD` named by a call needs none.",
  ),
});

type Computed = NonNullable<ReturnType<typeof computed>>;

/** What a call costs in another currency than US dollars: an amount, or how to compute it. */
export const priceInMoney: Reader<Money | Computed> = eitherOf<Money, Computed>(money, computed);

/** The price of a rule. */
export function lowerPrice(price: Money | Computed): NonNullable<ActionRule["costMoney"]> {
  return "micro" in price ? { amount: price.micro, currency: price.currency } : { amount: price.amount, currency: price.currency };
}

const rateOf: Reader<number> = reader({ type: "number", exclusiveMinimum: 0, maximum: 1e6 }, (place) => {
  const value = number(place);
  if (value === undefined || (value > 0 && value <= 1e6)) return value;
  return fault(
    place,
    "out_of_range",
    `${place.path} is ${value}`,
    "write how many US dollars one unit is worth, above 0 and at most 1000000",
  );
});

const declared: Reader<string> = textOf({ pattern: "^[A-Z]{3}$" }, known);

/** `exchange_rates` of a Governance: US dollars for one unit of each currency. */
export const exchangeRates = keyed(mapOf(declared, rateOf));

type Rates = NonNullable<ReturnType<typeof exchangeRates>>;

export const lowerRates = ({ at, value }: Rates): NonNullable<Governance["exchangeRates"]> => ({
  rule: `${at.file}:${at.line}`,
  usd: Object.fromEntries(value.map((entry) => [entry.name, entry.value])),
});

/** Reports each use of a currency that has no rate. */
export function checkRates({ currencies, report }: SourceDocument, rates: Rates | undefined): void {
  const rated = new Set(rates?.value.map(({ name }) => name));
  for (const { code, at } of currencies)
    if (!rated.has(code))
      report(at, "unknown_currency", `no exchange rate is declared for ${code}`, `add ${code} to exchange_rates of the Governance`);
}

/** Of an amount that a map gives in `usd` or `money`, and in `tokens`. */
export function checkAmount(place: Place): void {
  const names = entries(place).map(({ name }) => name);
  const { report } = place.source;
  if (names.length === 0) report(place.parent, "missing_key", `${place.path} has no "usd"`, 'add "usd", "money" or "tokens"');
  const money = entries(place).find(({ name }) => name === "money");
  if (money && names.includes("usd"))
    report(money.key, "conflicting_rules", `${place.path} is given in two currencies`, 'drop "usd" or "money"');
}

/** The same, as far as JSON Schema says it. */
export const amountShape: Schema = {
  anyOf: [{ required: ["usd"] }, { required: ["money"] }, { required: ["tokens"] }],
  not: { required: ["usd", "money"] },
};
