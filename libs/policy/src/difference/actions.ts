import type { ActionRule, ResultRules, ToolRules } from "../ir.ts";
import { defaultApproval } from "../ir.ts";
import { restricts } from "./change.ts";
import { tellDlp } from "./dlp.ts";
import { type Held, type Holding, held, meaning, pairHeld } from "./holdings.ts";
import { tellParameters } from "./parameters.ts";
import { missing, sameSet, type Tell } from "./report.ts";
import * as words from "./wording.ts";

/** What changed about the calls an agent may make. */
export function tellActions(before: readonly Holding[], after: readonly Holding[], tell: Tell): void {
  const [was, is] = [rulesByCall(before), rulesByCall(after)];
  for (const call of [...new Set([...was.keys(), ...is.keys()])].sort()) {
    const [tool = "", action = ""] = call.split("\n");
    tellCall(was.get(call) ?? [], is.get(call) ?? [], (told) => tell({ tool, action, ...told }));
  }
  tellDenies(before, after, tell);
  tellTools(before, after, tell);
}

function rulesByCall(holdings: readonly Holding[]): Map<string, Held<ActionRule>[]> {
  const found = new Map<string, Held<ActionRule>[]>();
  for (const { key, enforced, policy } of holdings) {
    // Of one policy, the last entry about an action is the one that holds.
    const own = new Map<string, ActionRule>();
    for (const tool of policy.tools) for (const rule of tool.actions) own.set(`${tool.name}\n${rule.name}`, rule);
    for (const [call, value] of own) found.set(call, [...(found.get(call) ?? []), { key, enforced, value, rule: value.rule }]);
  }
  return found;
}

function tellCall(before: readonly Held<ActionRule>[], after: readonly Held<ActionRule>[], given: Tell): void {
  let told = 0;
  const tell: Tell = (what) => {
    told++;
    given(what);
  };
  const enforced = (list: readonly Held<ActionRule>[]) => list.filter((one) => one.enforced);
  for (const [was, is] of pairHeld(before, after)) {
    const shadow = (was ?? is)?.enforced === false;
    const rules = { before: was ? [was.rule] : [], after: is ? [is.rule] : [] };
    if (was !== undefined && is !== undefined) tellRule(was.value, is.value, (one) => tell({ shadow, rules, ...one }));
    else if (is !== undefined) {
      const first = enforced(before).length === 0;
      const what = first || shadow ? "is allowed" : "is held to one more rule";
      tell({ kind: "action", direction: first ? "loosens" : "tightens", shadow, what, after: summary(is.value), rules });
    } else if (was !== undefined) {
      const last = enforced(after).length === 0;
      const what = last || shadow ? "is no longer allowed" : "is held to one rule fewer";
      tell({ kind: "action", direction: last ? "tightens" : "loosens", shadow, what, before: summary(was.value), rules });
    }
  }
  // Who is asked is whom the first rule that asks names.
  const queues = (list: readonly Held<ActionRule>[]) => list.map(({ value }) => meaning([value.approval, value.approvalAlways]));
  if (told === 0 && queues(before).join() !== queues(after).join()) {
    const places = (list: readonly Held<ActionRule>[]) => list.map(({ rule }) => rule);
    const asked = (list: readonly Held<ActionRule>[]) => list.map(({ value }) => approvalText(value)).join("; ");
    const rules = { before: places(before), after: places(after) };
    given({
      kind: "order",
      direction: "changes",
      what: "its rules come in another order",
      before: asked(before),
      after: asked(after),
      rules,
    });
  }
}

function tellRule(was: ActionRule, is: ActionRule, tell: Tell): void {
  const { name: _n, rule: _r, digest: _d, mode, parameters: _p, additional: _a, approval, approvalAlways, when, ...others } = is;
  const { costMicroUsd: _c, costUsd: _u, costMoney: _m, costTokens: _t, results, durability, obligations, ...unknown } = others;
  unknown satisfies Record<string, never>;
  if (was.mode !== mode)
    tell({ kind: "mode", direction: mode === "enforce" ? "tightens" : "loosens", what: "mode", before: was.mode, after: mode });
  tellParameters(was, is, tell);
  const [from, to] = [was.when?.expression.text, when?.expression.text];
  if (from !== to) {
    const rules = { before: was.when ? [was.when.rule] : [], after: when ? [when.rule] : [] };
    tell({ kind: "condition", direction: restricts(from, to), what: "condition", before: from, after: to, rules });
  }
  tellApproval(was, is, tell);
  if (price(was) !== price(is)) tell({ kind: "cost", direction: "changes", what: "cost", before: price(was), after: price(is) });
  tellResults(was.results, results, tell);
  if (was.durability !== durability)
    tell({ kind: "durability", direction: "changes", what: "durability", before: was.durability, after: durability });
  for (const one of missing(obligations, was.obligations))
    tell({ kind: "obligations", direction: "tightens", what: "obligation", after: one });
  for (const one of missing(was.obligations, obligations))
    tell({ kind: "obligations", direction: "loosens", what: "obligation", before: one });

  function price({ costMicroUsd, costUsd, costMoney, costTokens }: ActionRule): string | undefined {
    const money = costMoney ? moneyText(costMoney) : costMicroUsd === undefined ? costUsd?.text : words.usd(costMicroUsd);
    const tokens = costTokens === undefined ? undefined : `${words.number(costTokens)} tokens`;
    return [money, tokens].filter((text) => text !== undefined).join(" and ") || undefined;
  }
}

function moneyText({ amount, currency }: NonNullable<ActionRule["costMoney"]>): string {
  const of = typeof currency === "string" ? currency : `of the currency in ${currency.argument}`;
  return typeof amount === "number" ? words.money({ currency: of, micro: amount }) : `${amount.text} ${of}`;
}

function tellApproval(was: ActionRule, is: ActionRule, tell: Tell): void {
  if (meaning([was.approval, was.approvalAlways]) === meaning([is.approval, is.approvalAlways])) return;
  const rules = { before: was.approval ? [was.approval.rule] : [], after: is.approval ? [is.approval.rule] : [] };
  const bounded = ({ parameters, when }: ActionRule) => when !== undefined || parameters.length > 0;
  const [always, never] = [was.approvalAlways === true, is.approvalAlways !== true];
  const about = { before: approvalText(was), after: approvalText(is), rules };
  if (always === never) {
    // Where every call asks, what breaks a bound is asked about too, instead of being denied.
    const direction = bounded(is) ? "changes" : always ? "loosens" : "tightens";
    tell({ kind: "approval", direction, what: "approval of every call", ...about });
    return;
  }
  const fewer = (is.approval?.quorum ?? 1) < (was.approval?.quorum ?? 1);
  tell({
    kind: "approval",
    direction: fewer ? "loosens" : (is.approval?.quorum ?? 1) > (was.approval?.quorum ?? 1) ? "tightens" : "changes",
    what: "approval",
    ...about,
  });
}

function approvalText({ approval, approvalAlways }: ActionRule): string | undefined {
  if (approval === undefined && approvalAlways !== true) return undefined;
  return `${words.approval(approval ?? defaultApproval)}${approvalAlways === true ? "" : ", beyond bounds"}`;
}

/** What holds for what tools answer. */
export function tellResults(was: ResultRules | undefined, is: ResultRules | undefined, tell: Tell): void {
  tellDlp(was?.dlp ?? [], is?.dlp ?? [], "results", tell);
  const rules = { before: was ? [was.rule] : [], after: is ? [is.rule] : [] };
  for (const after of missing(is?.labels ?? [], was?.labels ?? []))
    tell({ kind: "results", direction: "tightens", what: "results: label", after, rules });
  for (const before of missing(was?.labels ?? [], is?.labels ?? []))
    tell({ kind: "results", direction: "loosens", what: "results: label", before, rules });
}

function summary({ mode, parameters, approval, approvalAlways, when, additional }: ActionRule): string {
  const parts = [
    ...(mode === "shadow" ? ["in shadow"] : []),
    ...parameters.map((one) => `${one.name}: ${words.parameter(one)}`),
    ...(additional === "allow" ? ["any other parameter"] : []),
    ...(when === undefined ? [] : [`when ${when.expression.text}`]),
    ...(approvalAlways === true ? [`approval of ${words.approval(approval ?? defaultApproval)}`] : []),
  ];
  return parts.length === 0 ? "no parameters" : parts.join("; ");
}

/** Explicit denies, of one mode, as a set. */
function tellDenies(before: readonly Holding[], after: readonly Holding[], tell: Tell): void {
  const find = (holdings: readonly Holding[], enforced: boolean) =>
    new Map(
      held(holdings, ({ tools }) => tools.flatMap(({ name, deny }) => deny.map((one) => [`${name}\n${one.action}`, one.rule] as const)))
        .filter((one) => one.enforced === enforced)
        .map(({ value, rule }) => [value, rule]),
    );
  for (const enforced of [true, false]) {
    const [was, is] = [find(before, enforced), find(after, enforced)];
    for (const call of new Set([...was.keys(), ...is.keys()])) {
      const [from, to] = [was.get(call), is.get(call)];
      if ((from === undefined) === (to === undefined)) continue;
      const [tool = "", action = ""] = call.split("\n");
      const rules = { before: from === undefined ? [] : [from], after: to === undefined ? [] : [to] };
      const told = {
        kind: "deny",
        direction: restricts(from, to),
        tool,
        action,
        shadow: !enforced,
        what: to === undefined ? "is no longer explicitly denied" : "is explicitly denied",
        rules,
      } as const;
      tell(to === undefined ? { ...told, before: "denied" } : { ...told, after: "denied" });
    }
  }
}

/** What is said of a tool itself: why it is granted and until when, and that it is named at all. */
function tellTools(before: readonly Holding[], after: readonly Holding[], tell: Tell): void {
  const find = (holdings: readonly Holding[]) => {
    const found = new Map<string, Held<ToolRules>[]>();
    for (const one of held(holdings, ({ tools }) => tools.map((tool) => [tool, tool.rule] as const)))
      found.set(one.value.name, [...(found.get(one.value.name) ?? []), one]);
    return found;
  };
  const [was, is] = [find(before), find(after)];
  const about = (list: readonly Held<ToolRules>[], enforced: boolean) =>
    list
      .filter((one) => one.enforced === enforced)
      .map(({ value: { justification, reviewBy } }) =>
        [justification, reviewBy && `review by ${reviewBy}`].filter((part) => part !== undefined).join(", "),
      );
  for (const tool of new Set([...was.keys(), ...is.keys()])) {
    const [from, to] = [was.get(tool) ?? [], is.get(tool) ?? []];
    const rules = { before: from.map(({ rule }) => rule), after: to.map(({ rule }) => rule) };
    const empty = [...from, ...to].every(({ value }) => value.actions.length + value.deny.length === 0);
    if (empty && (from.length === 0) !== (to.length === 0))
      tell({
        kind: "tool",
        direction: "changes",
        tool,
        what: from.length === 0 ? "is named, with nothing allowed" : "is no longer named",
        rules,
      });
    for (const enforced of [true, false]) {
      const [said, says] = [about(from, enforced), about(to, enforced)];
      if (said.length === 0 || says.length === 0 || sameSet(said, says)) continue;
      const text = (list: readonly string[]) => [...new Set(list)].filter((one) => one !== "").join("; ") || undefined;
      tell({
        kind: "justification",
        direction: "changes",
        tool,
        shadow: !enforced,
        what: "justification",
        before: text(said),
        after: text(says),
        rules,
      });
    }
  }
}
