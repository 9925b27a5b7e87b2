import type { Limit, RateLimit } from "../ir.ts";
import { ceiling } from "./change.ts";
import { meaning } from "./holdings.ts";
import { sameSet, type Tell } from "./report.ts";
import * as words from "./wording.ts";

/** What changed about budgets: account by account, in each unit and window the strictest first. */
export function tellLimits(before: readonly Limit[], after: readonly Limit[], tell: Tell): void {
  const group = (limits: readonly Limit[]) =>
    grouped(
      limits,
      ({ scope, unit, window }) => `${account(scope)}\n${unit}\n${window}`,
      (a, b) => a.limit - b.limit,
    );
  const [was, is] = [group(before), group(after)];
  for (const key of new Set([...was.keys(), ...is.keys()])) {
    const [from, to] = [was.get(key) ?? [], is.get(key) ?? []];
    const [least, lower] = [from[0], to[0]];
    const content = ({ unit, window, limit, timeZone, soft }: Limit) => meaning({ unit, window, limit, timeZone, soft });
    if (sameSet(from.map(content), to.map(content))) continue;
    const text = (list: readonly Limit[]) => [...new Set(list.map(words.limit))].join("; ") || undefined;
    const direction = least?.limit === lower?.limit ? "changes" : ceiling(least?.limit, lower?.limit);
    const scope = account((lower ?? least)?.scope ?? "");
    tell({ kind: "limits", direction, what: `budget${name(scope)}`, before: text(from), after: text(to), rules: places(from, to) });
  }
}

/** What changed about rates, scope by scope. */
export function tellRates(before: readonly RateLimit[], after: readonly RateLimit[], tell: Tell): void {
  const perSecond = ({ calls, seconds }: RateLimit) => calls / seconds;
  const group = (rates: readonly RateLimit[]) =>
    grouped(
      rates,
      ({ scope }) => account(scope),
      (a, b) => perSecond(a) - perSecond(b),
    );
  const [was, is] = [group(before), group(after)];
  for (const scope of new Set([...was.keys(), ...is.keys()])) {
    const [from, to] = [was.get(scope) ?? [], is.get(scope) ?? []];
    if (sameSet(from.map(words.rate), to.map(words.rate))) continue;
    const text = (list: readonly RateLimit[]) => [...new Set(list.map(words.rate))].join("; ") || undefined;
    const [least, lower] = [from[0] && perSecond(from[0]), to[0] && perSecond(to[0])];
    const direction = least === lower ? "changes" : ceiling(least, lower);
    tell({ kind: "rates", direction, what: `rate${name(scope)}`, before: text(from), after: text(to), rules: places(from, to) });
  }
}

/** Which kind of account a limit bounds: every agent that a pattern covers has an account of its own. */
const account = (scope: string): string => scope.replace(/agent\/.*$/, "agent");

const name = (scope: string): string => (scope === "agent" || scope === "" ? "" : ` of ${decodeURIComponent(scope.replace("/*", ""))}`);

function grouped<T>(list: readonly T[], key: (one: T) => string, order: (a: T, b: T) => number): Map<string, T[]> {
  const found = new Map<string, T[]>();
  for (const one of list) found.set(key(one), [...(found.get(key(one)) ?? []), one]);
  for (const group of found.values()) group.sort(order);
  return found;
}

const places = (from: readonly { readonly rule: string }[], to: readonly { readonly rule: string }[]) => ({
  before: from.map(({ rule }) => rule),
  after: to.map(({ rule }) => rule),
});
