import type { BreakerRule, CatalogAction, CatalogTool, Governance, PersonalData, PolicySet } from "../ir.ts";
import { ceiling, restricts } from "./change.ts";
import { meaning } from "./holdings.ts";
import { tellLimits, tellRates } from "./limits.ts";
import type { Tell } from "./report.ts";
import * as words from "./wording.ts";

/** What changed for the whole tenant: its ground rules, and what is known of its tools and its own detectors. */
export function tellTenant(before: PolicySet, after: PolicySet, tell: Tell): void {
  tellGovernance(before, after, tell);
  tellCatalog(before.catalog ?? [], after.catalog ?? [], tell);
  const [was, is] = [before, after].map(({ detectors }) => new Map((detectors ?? []).map((one) => [one.name, one]))) as [
    Map<string, Detector>,
    Map<string, Detector>,
  ];
  for (const name of new Set([...was.keys(), ...is.keys()])) {
    const [from, to] = [was.get(name), is.get(name)];
    if (meaning(from) === meaning(to)) continue;
    const text = (one: Detector | undefined) =>
      one && `${one.pattern}${one.context === undefined ? "" : ` near ${one.context.join(", ")}`}`;
    const rules = { before: from ? [from.rule] : [], after: to ? [to.rule] : [] };
    tell({ kind: "detectors", direction: restricts(from, to), what: `detector ${name}`, before: text(from), after: text(to), rules });
  }
}

type Detector = NonNullable<PolicySet["detectors"]>[number];

function tellGovernance({ governance: was }: PolicySet, { governance: is }: PolicySet, tell: Tell): void {
  const {
    rule: _rule,
    maxDepth,
    tokenTtlSeconds,
    requireJustification,
    limits,
    rates,
    retryUnchanged,
    requireApproval,
    breaker,
    memberOf,
    organisation,
    exchangeRates,
    settings,
    ...unknown
  } = is;
  // The type checker's reminder: a ground rule that the language gains is compared here, or nothing would be said of it.
  unknown satisfies Record<string, never>;
  const rules = { before: was.rule ? [was.rule] : [], after: is.rule ? [is.rule] : [] };
  const compare = (what: string, from: string | undefined, to: string | undefined, direction: "tightens" | "loosens" | "changes") => {
    if (from !== to) tell({ kind: "governance", direction, what, before: from, after: to, rules });
  };
  const most = (what: string, from: number | undefined, to: number | undefined, unit = "") =>
    compare(
      what,
      from === undefined ? "any" : `${words.number(from)}${unit}`,
      to === undefined ? "any" : `${words.number(to)}${unit}`,
      ceiling(from, to),
    );
  const needed = (what: string, from: boolean | undefined, to: boolean | undefined) =>
    compare(what, from ? "needed" : "not needed", to ? "needed" : "not needed", to ? "tightens" : "loosens");
  most("delegation depth", was.maxDepth, maxDepth);
  most("life of a delegated token", was.tokenTtlSeconds, tokenTtlSeconds, " seconds");
  most("failures before the same call is refused", was.retryUnchanged, retryUnchanged);
  needed("a justification of every tool", was.requireJustification, requireJustification);
  needed("a second person for every publish", was.requireApproval, requireApproval);
  compare("circuit breaker", breakerText(was.breaker), breakerText(breaker), restricts(was.breaker, breaker));
  const rateOf = (one: Governance, code: string) => one.exchangeRates?.usd[code];
  for (const code of new Set([was.exchangeRates, exchangeRates].flatMap((rates) => Object.keys(rates?.usd ?? {})))) {
    const rate = (one: Governance) => (rateOf(one, code) === undefined ? undefined : `${rateOf(one, code)} USD`);
    compare(`exchange rate of ${code}`, rate(was), rate(is), "changes");
  }
  compare("organisation whose budgets hold, too", was.memberOf, memberOf, restricts(was.memberOf, memberOf));
  const members = (one: Governance["organisation"]) => one && [...one.members].sort().join(", ");
  compare("members of the organisation", members(was.organisation), members(organisation), "changes");
  tellLimits([...was.limits, ...(was.organisation?.limits ?? [])], [...limits, ...(organisation?.limits ?? [])], tell);
  tellRates(was.rates ?? [], rates ?? [], tell);
  const [said, says] = [settingsOf(was.settings), settingsOf(settings)];
  for (const name of new Set([...said.keys(), ...says.keys()])) compare(`setting ${name}`, said.get(name), says.get(name), "changes");
}

function breakerText(breaker: BreakerRule | undefined): string | undefined {
  if (breaker === undefined) return undefined;
  const { failures, deniedPercent, calls, microUsdPerMinute, agentsPerPrompt, pauseSeconds } = breaker;
  return [
    `pauses ${words.number(pauseSeconds)} seconds after ${words.number(failures)} failures in a row`,
    `${deniedPercent} % of at least ${words.number(calls)} calls denied in a minute`,
    ...(microUsdPerMinute === undefined ? [] : [`more than ${words.usd(microUsdPerMinute)} spent in a minute`]),
    ...(agentsPerPrompt === undefined ? [] : [`more than ${words.number(agentsPerPrompt)} agents for one prompt in a minute`]),
  ].join(", or ");
}

function settingsOf(settings: object, path = ""): Map<string, string> {
  const found = new Map<string, string>();
  for (const [name, value] of Object.entries(settings) as [string, unknown][]) {
    const at = path === "" ? name : `${path}.${name}`;
    if (typeof value === "object" && value !== null && !Array.isArray(value))
      for (const [key, text] of settingsOf(value, at)) found.set(key, text);
    else found.set(at, JSON.stringify(value));
  }
  return found;
}

function tellCatalog(before: readonly CatalogTool[], after: readonly CatalogTool[], tell: Tell): void {
  const index = (catalog: readonly CatalogTool[]) => new Map(catalog.map((one) => [one.name, one]));
  const [was, is] = [index(before), index(after)];
  for (const tool of new Set([...was.keys(), ...is.keys()])) {
    const [from, to] = [was.get(tool), is.get(tool)];
    const rules = { before: from ? [from.rule] : [], after: to ? [to.rule] : [] };
    const network = (one: CatalogTool | undefined) => one && (one.network ? "leaves for the network" : "stays inside");
    if (network(from) !== network(to))
      tell({ kind: "catalog", direction: "changes", tool, what: "catalog", before: network(from), after: network(to), rules });
    const personal = (one: CatalogTool | undefined) => one?.personal && personalText(one.personal);
    if (personal(from) !== personal(to))
      tell({ kind: "catalog", direction: "changes", tool, what: "personal data", before: personal(from), after: personal(to), rules });
    const actions = (one: CatalogTool | undefined) => new Map((one?.actions ?? []).map((action) => [action.name, action]));
    const [had, has] = [actions(from), actions(to)];
    for (const action of new Set([...had.keys(), ...has.keys()])) {
      const [old, now] = [had.get(action), has.get(action)];
      if (meaning(old) === meaning(now)) continue;
      const places = { before: old ? [old.rule] : [], after: now ? [now.rule] : [] };
      tell({
        kind: "catalog",
        direction: "changes",
        tool,
        action,
        what: "catalog",
        before: entryText(old),
        after: entryText(now),
        rules: places,
      });
    }
  }
}

const personalText = ({ subject, fields }: PersonalData): string =>
  `about the person at ${subject}, whose data are at ${fields.join(", ")}`;

/** A catalog entry in words, whole. */
function entryText(entry: CatalogAction | undefined): string | undefined {
  if (entry === undefined) return undefined;
  const { risk, writes, parameters, labels, costMicroUsd, maxCostMicroUsd, costTokens, maxCostTokens, durability, personal } = entry;
  const { costMoney, maxCostMoney } = entry;
  return [
    `${risk} risk`,
    ...(writes ? ["writes"] : []),
    ...(parameters === undefined
      ? []
      : [`takes ${parameters.map((one) => `${one.name} (${words.parameter(one)})`).join(", ") || "nothing"}`]),
    ...(labels === undefined ? [] : [`labels ${labels.join(", ")}`]),
    ...(costMicroUsd === undefined ? [] : [`costs ${words.usd(costMicroUsd)}`]),
    ...(maxCostMicroUsd === undefined ? [] : [`costs at most ${words.usd(maxCostMicroUsd)}`]),
    ...(costMoney === undefined ? [] : [`costs ${words.money(costMoney)}`]),
    ...(maxCostMoney === undefined ? [] : [`costs at most ${words.money(maxCostMoney)}`]),
    ...(costTokens === undefined ? [] : [`costs ${words.number(costTokens)} tokens`]),
    ...(maxCostTokens === undefined ? [] : [`costs at most ${words.number(maxCostTokens)} tokens`]),
    ...(durability === undefined ? [] : [durability]),
    ...(personal === undefined ? [] : [personalText(personal)]),
  ].join(", ");
}
