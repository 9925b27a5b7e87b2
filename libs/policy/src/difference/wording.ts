import { currencyOfUnit } from "../engine/money.ts";
import type { ApprovalRule, EgressRule, Limit, Money, ParameterRule, RateLimit, ScalarValue, SessionRule } from "../ir.ts";

/** 5000 as "5,000". */
export const number = (value: number): string => {
  const [whole = "", fraction] = String(value).split(".");
  if (whole.includes("e")) return String(value);
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  return fraction === undefined ? grouped : `${grouped}.${fraction}`;
};

export const money = ({ currency, micro }: Money): string => `${number(micro / 1_000_000)} ${currency}`;

export const usd = (microUsd: number): string => `${number(microUsd / 1_000_000)} USD`;

function duration(seconds: number): string {
  for (const [unit, length] of [
    ["d", 86_400],
    ["h", 3_600],
    ["m", 60],
  ] as const)
    if (seconds >= length && seconds % length === 0) return `${seconds / length}${unit}`;
  return `${seconds}s`;
}

export const values = (list: readonly ScalarValue[]): string => list.map((value) => JSON.stringify(value)).join(", ");

export const approval = ({ queue, quorum, expiresSeconds }: Omit<ApprovalRule, "rule">): string =>
  `${quorum} ${quorum === 1 ? "person" : "people"} of queue ${queue} within ${duration(expiresSeconds)}`;

export const egressPlace = ({ host, path, methods }: EgressRule): string =>
  [methods === undefined ? "" : `${[...methods].sort().join(", ")} `, host, path === undefined ? "" : ` path ${path}`].join("");

export const sessionRule = ({ after, deny, unless }: SessionRule): string =>
  `after ${after}: ${[...deny].sort().join(", ")} ${unless === "approval" ? "asks a person" : "is denied"}`;

export const rate = ({ calls, seconds }: RateLimit): string => `${number(calls)} calls in ${duration(seconds)}`;

export function limit({ unit, limit: most, timeZone, window, soft }: Omit<Limit, "rule" | "scope">): string {
  const currency = currencyOfUnit(unit);
  const units = (count: number) => (currency === undefined ? `${number(count)} ${unit}` : money({ currency, micro: count }));
  const zone = window !== "prompt" && window !== "session" && timeZone !== "UTC" ? ` (${timeZone})` : "";
  const early = soft === undefined ? "" : `, ${soft.action} from ${units(soft.units)}`;
  return `${units(most)} a ${window}${zone}${early}`;
}

/** A whole parameter in words: "number, above 0, at most 5,000, beyond it a person is asked". */
export function parameter(rule: Omit<ParameterRule, "rule" | "name">): string {
  const { optional, type, min, max, exclusiveMin, exclusiveMax, enum: allowed, matches, minLength, maxLength, beyond } = rule;
  const words = [
    optional ? "optional" : "required",
    type,
    min === undefined ? undefined : `at least ${number(min)}`,
    exclusiveMin === undefined ? undefined : `above ${number(exclusiveMin)}`,
    max === undefined ? undefined : `at most ${number(max)}`,
    exclusiveMax === undefined ? undefined : `below ${number(exclusiveMax)}`,
    allowed === undefined ? undefined : `one of ${values(allowed)}`,
    matches === undefined ? undefined : `matches ${matches}`,
    minLength === undefined ? undefined : `at least ${number(minLength)} characters`,
    maxLength === undefined ? undefined : `at most ${number(maxLength)} characters`,
    beyond === undefined ? undefined : "beyond it a person is asked",
  ];
  return words.filter((word) => word !== undefined).join(", ");
}
