import { unitOfCurrency } from "../engine/money.ts";
import type { BudgetUnit, BudgetWindow, Limit, Money, RateLimit } from "../ir.ts";
import { money } from "./money-document.ts";
import { checked, entries, fault, optional, type Place, positioned, type Reader, record, required, scalar } from "./reader.ts";
import { integer, oneOf, percent, rate, tool, usd } from "./scalars.ts";
import type { Schema } from "./schema.ts";
import type { Position } from "./source.ts";

/** What a budget may count over, as written and as the window of its accounts. */
const windows = { hourly: "hour", daily: "day", weekly: "week", monthly: "month", prompt: "prompt", session: "session" } as const;
type Budget = keyof typeof windows;
const budgets = oneOf("hourly", "daily", "weekly", "monthly", "prompt", "session");

const members = {
  rate: optional(rate, "At most so many calls, as `10/s`, `60/m` or `1000/h`, and as many at once. Stands alone, without `budget`."),
  budget: optional(
    budgets,
    "What it counts over: the tenant's calendar hour, day, week (from Monday) or month, or the life of a prompt or a session.",
  ),
  usd: optional(usd, "The most that may be spent, in US dollars."),
  money: optional(
    money,
    "The most that may be spent in another currency, as `EUR 100`: what is spent in others is no part of it, and it is part of what `usd` bounds.",
  ),
  actions: optional(integer(0, 1e12), "The most calls."),
  tokens: optional(integer(0, 1e15), "The most model tokens."),
  soft: optional(percent, "A share of the limit, as `80%`, from which on `at_soft` holds."),
  at_soft: optional(
    oneOf("notify", "throttle", "approval_needed"),
    "What happens from `soft` on: people are told (unless said otherwise), calls are slowed down, or every call is a question to a person.",
  ),
};

const units = ["usd", "money", "actions", "tokens"];
const budgetMembers = ["budget", ...units, "soft", "at_soft"];

/** An entry is a rate alone, or a budget with a unit; in JSON Schema, too. */
const shape: Schema = {
  oneOf: [
    { required: ["rate"], not: { anyOf: budgetMembers.map((name) => ({ required: [name] })) } },
    { required: ["budget"], anyOf: units.map((unit) => ({ required: [unit] })), not: { required: ["rate"] } },
  ],
  dependencies: { at_soft: ["soft"] },
};

/** An entry of `limits`, as written: a rate, or a budget of one or more units. */
export interface LimitDocument {
  readonly rate?: { readonly calls: number; readonly seconds: number };
  readonly budget?: Budget;
  /** Micro-units. */
  readonly usd?: number;
  readonly money?: Money;
  readonly actions?: number;
  readonly tokens?: number;
  /** Percent of each of them. */
  readonly soft?: number;
  readonly at_soft?: "notify" | "throttle" | "approval_needed";
}

/** An entry of `limits` in an AgentPolicy: it bounds each of the policy's agents on its own. */
export const policyLimit = positioned(bounding(record(members)));

const governed = bounding(record({ ...members, tool: optional(tool, "Bounds the calls of one tool, instead of the whole tenant's.") }));

/** An entry of `limits` in a Governance: it bounds the tenant, or one tool. */
export const governanceLimit = positioned(governed);

const { rate: _rate, ...budgetsOnly } = members;

/** An entry of `organisation.limits` in a Governance: it bounds what all members use together. */
export const organisationLimit = positioned(
  bounding(
    record({
      ...budgetsOnly,
      budget: required(
        oneOf("hourly", "daily", "weekly", "monthly"),
        "What it counts over: the calendar of the organisation's `time_zone`.",
      ),
    }),
  ),
);

export type Entry<T = LimitDocument> = { readonly at: Position; readonly value: T };

/** The accounts of an entry: those of one agent, one tool, or all, in each prompt or session where it counts per one. */
export function accountsOf({ budget }: LimitDocument, whose: "tenant" | `agent/${string}` | `tool/${string}`): string {
  if (budget !== "prompt" && budget !== "session") return whose;
  return whose === "tenant" ? `${budget}/*` : `${budget}/*/${whose}`;
}

/** One limit for each unit that an entry bounds; none for a rate. */
export function lowerLimit({ at, value }: Entry, scope: string, timeZone: string): Limit[] {
  if (value.budget === undefined) return [];
  const window: BudgetWindow = windows[value.budget];
  const limit = (unit: BudgetUnit, units: number | undefined): Limit[] =>
    units === undefined ? [] : [{ rule: `${at.file}:${at.line}`, scope, window, timeZone, unit, limit: units, ...softOf(value, units) }];
  const inMoney = value.money === undefined ? [] : limit(unitOfCurrency(value.money.currency), value.money.micro);
  return [...limit("micro_usd", value.usd), ...inMoney, ...limit("actions", value.actions), ...limit("tokens", value.tokens)];
}

/** The rate of an entry, if it is one. */
export function lowerRate({ at, value }: Entry, scope: string): RateLimit[] {
  return value.rate === undefined ? [] : [{ rule: `${at.file}:${at.line}`, scope, ...value.rate }];
}

function softOf({ soft, at_soft }: LimitDocument, limit: number): Pick<Limit, "soft"> {
  // Divided before it is multiplied, in two exact parts: the product of the largest limits is no exact double.
  const units = soft === undefined ? 0 : Math.floor(limit / 100) * soft + Math.ceil(((limit % 100) * soft) / 100);
  return soft === undefined ? {} : { soft: { units, action: at_soft ?? "notify" } };
}

function bounding<T extends LimitDocument>(read: Reader<T>): Reader<T> {
  return checked(read, checkLimit, shape);
}

function checkLimit(place: Place): void {
  const written = entries(place);
  const has = (name: string) => written.some((entry) => entry.name === name);
  const missing = (name: string, hint: string) => place.source.report(place.parent, "missing_key", `${place.path} has no "${name}"`, hint);
  if (has("rate")) {
    const other = written.find(({ name }) => budgetMembers.includes(name));
    if (other) place.source.report(other.key, "conflicting_rules", `${place.path} is both a rate and a budget`, "write two entries");
  } else if (!has("budget")) missing("budget", 'add "budget" or "rate"');
  else if (!units.some(has)) {
    place.source.report(place.parent, "limit_without_unit", `${place.path} bounds nothing`, 'add "usd", "money", "actions" or "tokens"');
  }
  if (has("at_soft") && !has("soft")) missing("soft", 'add "soft", as 80%');
  const value = (name: string) => written.find((entry) => entry.name === name)?.value;
  const [atSoft, budget] = [value("at_soft"), value("budget")];
  const kind = budget && scalar(budget)?.value;
  if (atSoft && scalar(atSoft)?.value === "throttle" && (kind === "prompt" || kind === "session")) {
    const message = `${atSoft.path} slows calls down over the rest of a window, and a ${kind} has no end`;
    fault(atSoft, "conflicting_rules", message, "write notify or approval_needed");
  }
}
