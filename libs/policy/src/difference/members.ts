import type { Delegation, Limit, Policy } from "../ir.ts";
import { tellResults } from "./actions.ts";
import { ceiling, restricts } from "./change.ts";
import { tellDlp } from "./dlp.ts";
import { type Held, type Holding, held, meaning, pairHeld } from "./holdings.ts";
import { tellLimits, tellRates } from "./limits.ts";
import { missing, type Tell } from "./report.ts";
import * as words from "./wording.ts";

/** What changed about rules that hold for every call of an agent; `limitsOf` finds those limits of a policy that bound it. */
export function tellMembers(
  limitsOf: (policy: Policy) => readonly Limit[],
  before: readonly Holding[],
  after: readonly Holding[],
  tell: Tell,
): void {
  for (const enforced of [true, false]) {
    const [was, is] = [before, after].map((all) => all.filter((one) => one.enforced === enforced)) as [Holding[], Holding[]];
    const about: Tell = (told) => tell({ ...told, shadow: !enforced });
    tellPurposes(was, is, about);
    tellDlp(
      was.flatMap(({ policy }) => policy.dlp),
      is.flatMap(({ policy }) => policy.dlp),
      "dlp",
      about,
    );
    tellSession(was, is, about);
    tellLimits(
      was.flatMap(({ policy }) => limitsOf(policy)),
      is.flatMap(({ policy }) => limitsOf(policy)),
      about,
    );
    tellRates(
      was.flatMap(({ policy }) => policy.rates ?? []),
      is.flatMap(({ policy }) => policy.rates ?? []),
      about,
    );
    const results = (holdings: readonly Holding[]) => {
      const all = holdings.flatMap(({ policy }) => policy.results ?? []);
      return all[0] && { rule: all[0].rule, dlp: all.flatMap(({ dlp }) => dlp), labels: all.flatMap(({ labels }) => labels) };
    };
    tellResults(results(was), results(is), about);
  }
  tellDelegation(before, after, tell);
  tellEgress(before, after, tell);
  tellDrift(before, after, tell);
}

/** A purpose must be accepted by every policy that names any. */
function tellPurposes(before: readonly Holding[], after: readonly Holding[], tell: Tell): void {
  const accepted = (holdings: readonly Holding[]) => {
    const lists = holdings.flatMap(({ policy: { purposes } }) => (purposes === undefined ? [] : [purposes]));
    const [first, ...others] = lists.map(({ allowed }) => allowed);
    return { rules: lists.map(({ rule }) => rule), list: first?.filter((one) => others.every((other) => other.includes(one))) };
  };
  const [was, is] = [accepted(before), accepted(after)];
  const rules = { before: was.rules, after: is.rules };
  if (was.list === undefined || is.list === undefined) {
    if (was.list === is.list) return;
    const direction = restricts(was.list, is.list);
    tell({
      kind: "purposes",
      direction,
      what: "purposes",
      before: was.list?.join(", ") ?? "any",
      after: is.list?.join(", ") ?? "any",
      rules,
    });
    return;
  }
  for (const one of missing(is.list, was.list)) tell({ kind: "purposes", direction: "loosens", what: "purpose", after: one, rules });
  for (const one of missing(was.list, is.list)) tell({ kind: "purposes", direction: "tightens", what: "purpose", before: one, rules });
}

function tellSession(before: readonly Holding[], after: readonly Holding[], tell: Tell): void {
  const find = (holdings: readonly Holding[]) =>
    new Map(holdings.flatMap(({ policy }) => (policy.session ?? []).map((rule) => [words.sessionRule(rule), rule.rule] as const)));
  const [was, is] = [find(before), find(after)];
  for (const [text, rule] of is)
    if (!was.has(text)) tell({ kind: "session", direction: "tightens", what: "session", after: text, rules: { after: [rule] } });
  for (const [text, rule] of was)
    if (!is.has(text)) tell({ kind: "session", direction: "loosens", what: "session", before: text, rules: { before: [rule] } });
}

function tellDelegation(before: readonly Holding[], after: readonly Holding[], tell: Tell): void {
  for (const [was, is] of pairOf(before, after, (policy) => policy.delegation)) {
    const [from, to] = [was?.value, is?.value];
    const about = placed(was, is);
    if (from === undefined || to === undefined) {
      tell({
        ...about,
        kind: "delegation",
        direction: restricts(from, to),
        what: "delegation",
        before: from && delegationText(from),
        after: to && delegationText(to),
      });
      continue;
    }
    const [gave, give] = [from.acceptFrom, to.acceptFrom];
    if (gave === undefined || give === undefined) {
      const list = (names: readonly string[] | undefined) => names?.join(", ") ?? "any agent";
      if (gave !== give)
        tell({
          ...about,
          kind: "delegation",
          direction: restricts(gave, give),
          what: "accepts work from",
          before: list(gave),
          after: list(give),
        });
    } else {
      for (const one of missing(give, gave))
        tell({ ...about, kind: "delegation", direction: "loosens", what: "accepts work from", after: one });
      for (const one of missing(gave, give))
        tell({ ...about, kind: "delegation", direction: "tightens", what: "accepts work from", before: one });
    }
    if (from.maxDepth !== to.maxDepth) {
      const depth = (most: number | undefined) => (most === undefined ? "any" : String(most));
      tell({
        ...about,
        kind: "delegation",
        direction: ceiling(from.maxDepth, to.maxDepth),
        what: "delegation depth",
        before: depth(from.maxDepth),
        after: depth(to.maxDepth),
      });
    }
    if (from.authority !== to.authority) {
      tell({
        ...about,
        kind: "delegation",
        direction: restricts(from.authority, to.authority),
        what: "authority",
        before: from.authority,
        after: to.authority,
      });
    }
  }
}

const delegationText = ({ acceptFrom, maxDepth, authority }: Delegation): string =>
  [
    `from ${acceptFrom?.join(", ") ?? "any agent"}`,
    ...(maxDepth === undefined ? [] : [`at most ${maxDepth} deep`]),
    ...(authority === undefined ? [] : ["every actor must itself be allowed"]),
  ].join(", ");

function tellEgress(before: readonly Holding[], after: readonly Holding[], tell: Tell): void {
  for (const [was, is] of pairOf(before, after, (policy) => policy.egress)) {
    const about = placed(was, is);
    const places = (one: typeof was) => new Map((one?.value.allow ?? []).map((entry) => [words.egressPlace(entry), entry.rule]));
    const [from, to] = [places(was), places(is)];
    const list = (all: ReadonlyMap<string, string>) => [...all.keys()].join(", ") || "nowhere";
    if (was === undefined || is === undefined) {
      const direction = restricts(was, is);
      tell({
        ...about,
        kind: "egress",
        direction,
        what: "egress",
        before: was ? list(from) : "anywhere",
        after: is ? list(to) : "anywhere",
      });
      continue;
    }
    for (const [place, rule] of to)
      if (!from.has(place))
        tell({ ...about, kind: "egress", direction: "loosens", what: "egress opened", after: place, rules: { after: [rule] } });
    for (const [place, rule] of from)
      if (!to.has(place))
        tell({ ...about, kind: "egress", direction: "tightens", what: "egress closed", before: place, rules: { before: [rule] } });
  }
}

const driftStrength = { flag: 1, approval_needed: 2, deny: 3 } as const;

function tellDrift(before: readonly Holding[], after: readonly Holding[], tell: Tell): void {
  for (const [was, is] of pairOf(before, after, (policy) => policy.onDrift)) {
    const [from, to] = [was?.value.action, is?.value.action];
    if (from === to) continue;
    const direction = (to === undefined ? 0 : driftStrength[to]) > (from === undefined ? 0 : driftStrength[from]) ? "tightens" : "loosens";
    tell({
      ...placed(was, is),
      kind: "drift",
      direction,
      what: "a call by an agent that is not what was approved",
      before: from,
      after: to,
    });
  }
}

/** The two states of a member that a policy has once or not at all, where they differ. */
function pairOf<T extends { readonly rule: string }>(
  before: readonly Holding[],
  after: readonly Holding[],
  pick: (policy: Policy) => T | undefined,
) {
  const find = (holdings: readonly Holding[]) =>
    held(holdings, (policy) => {
      const value = pick(policy);
      return value === undefined ? [] : [[value, value.rule] as const];
    });
  return pairHeld(find(before), find(after)).filter(([was, is]) => meaning(was?.value) !== meaning(is?.value));
}

const placed = (was: Held<unknown> | undefined, is: Held<unknown> | undefined) => ({
  shadow: (is ?? was)?.enforced === false,
  rules: { before: was ? [was.rule] : [], after: is ? [is.rule] : [] },
});
