import type { ParameterRule, ScalarValue } from "../../ir.ts";
import { shared } from "./agents.ts";
import { excludedBy } from "./bounds.ts";
import type { Grant, Subject } from "./subject.ts";

/** Enforced policies of the same agent that no call can satisfy together. */
export function policyConflicts(subject: Subject): void {
  for (const [group, conflict] of [[byPurpose(subject), purposeConflict] as const, [byCall(subject), callConflict] as const]) {
    for (const grants of group.values()) {
      for (const [index, second] of grants.entries()) {
        for (const [before, first] of grants.entries()) {
          if (before >= index) break;
          if (!subject.spend(1 + Math.min(first.rules.agents.length + second.rules.agents.length, 1000))) return;
          const agent = first.policy === second.policy ? undefined : shared(first.rules.agents, second.rules.agents);
          if (agent !== undefined) conflict(subject, first as Grant, second as Grant, agent);
        }
      }
    }
  }
}

type Purposed = Pick<Grant, "policy" | "rules">;

function byPurpose(subject: Subject): Map<string, Purposed[]> {
  const enforced = [...subject.set.policies.entries()].filter(([, rules]) => rules.mode === "enforce" && rules.purposes !== undefined);
  return new Map([["", enforced.map(([policy, rules]) => ({ policy, rules }))]]);
}

function byCall(subject: Subject): Map<string, Grant[]> {
  const calls = new Map<string, Grant[]>();
  for (const grant of subject.rules()) {
    if (grant.rules.mode === "shadow" || grant.rule.mode === "shadow") continue;
    const call = `${grant.tool.name}\n${grant.rule.name}`;
    const same = calls.get(call) ?? [];
    same.push(grant);
    calls.set(call, same);
  }
  return calls;
}

function purposeConflict(subject: Subject, first: Purposed, second: Purposed, agent: string): void {
  const [one, other] = [first.rules.purposes, second.rules.purposes];
  if (one === undefined || other === undefined || one.allowed.some((purpose) => other.allowed.includes(purpose))) return;
  const message = `no purpose is allowed to ${agent} both here and by "${first.rules.name}" (${one.rule})`;
  subject.warn(second.policy, ["spec", "purposes"], "conflicting_policies", message, `share a purpose: ${one.allowed.join(", ")}`);
}

function callConflict(subject: Subject, first: Grant, second: Grant, agent: string): void {
  const known = (grant: Grant) => new Map(grant.rule.parameters.map((parameter) => [parameter.name, parameter]));
  const [one, other] = [known(first), known(second)];
  const call = `${first.tool.name}:${first.rule.name}`;
  const report = (at: Grant, parameter: string, why: string, hint: string): void => {
    const message = `${agent} can never call ${call}: ${parameter} ${why}`;
    const path = at === second ? [...at.at, "parameters", parameter] : [...at.at, "name"];
    subject.warn(second.policy, at === second ? path : [...second.at, "name"], "conflicting_policies", message, hint);
  };
  for (const [name, parameter] of other) {
    const before = one.get(name);
    const where = `"${first.rules.name}" (${before?.rule ?? first.rule.rule})`;
    if (before === undefined) {
      if (!parameter.optional && first.rule.additional === "deny")
        report(second, name, `is required here, and unknown to ${where}`, "add it there");
    } else if (!(parameter.optional && before.optional) && disjoint(before, parameter)) {
      report(second, name, `has no value that is allowed both here and by ${where}`, "make the bounds overlap");
    }
  }
  for (const [name, before] of one) {
    if (!before.optional && !other.has(name) && second.rule.additional === "deny") {
      report(first, name, `is required by "${first.rules.name}" (${before.rule}), and unknown here`, "add it here");
    }
  }
}

/** Whether no value can pass two rules. A bound that is a question to a person keeps nobody out. */
export function disjoint(a: ParameterRule, b: ParameterRule): boolean {
  if (a.beyond !== undefined || b.beyond !== undefined) return false;
  const [valuesA, valuesB] = [a.enum, b.enum];
  const passes = (value: ScalarValue, rule: ParameterRule) =>
    (rule.enum === undefined || rule.enum.includes(value)) && excludedBy(value, rule) === undefined;
  if (valuesA !== undefined) return !valuesA.some((value) => passes(value, b));
  if (valuesB !== undefined) return !valuesB.some((value) => passes(value, a));
  if (a.type !== undefined && b.type !== undefined && a.type !== b.type && !(isNumeric(a) && isNumeric(b))) return true;
  const least = Math.max(...[a.min, a.exclusiveMin, b.min, b.exclusiveMin].filter((each) => each !== undefined), Number.NEGATIVE_INFINITY);
  const most = Math.min(...[a.max, a.exclusiveMax, b.max, b.exclusiveMax].filter((each) => each !== undefined), Number.POSITIVE_INFINITY);
  const open = [a.exclusiveMin, b.exclusiveMin].includes(least) || [a.exclusiveMax, b.exclusiveMax].includes(most);
  if (least > most || (least === most && open)) return true;
  return (
    Math.max(a.minLength ?? 0, b.minLength ?? 0) >
    Math.min(a.maxLength ?? Number.POSITIVE_INFINITY, b.maxLength ?? Number.POSITIVE_INFINITY)
  );
}

const isNumeric = ({ type }: ParameterRule): boolean => type === "number" || type === "integer";
