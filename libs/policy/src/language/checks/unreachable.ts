import type { EgressRule } from "../../ir.ts";
import { coversAll } from "./agents.ts";
import type { Subject } from "./subject.ts";

/** Rules that can never decide a call. */
export function unreachableRules(subject: Subject): void {
  deniedActions(subject);
  coveredEgress(subject);
}

interface Denied {
  readonly agents: readonly string[];
  readonly action: string;
  readonly rule: string;
}

/** An explicit deny beats every allow, of any policy. */
function deniedActions(subject: Subject): void {
  const exact = new Map<string, Denied[]>();
  const prefixes = new Map<string, Denied[]>();
  for (const { mode, agents, tools } of subject.set.policies) {
    for (const { name, deny } of mode === "shadow" ? [] : tools) {
      for (const { action, rule } of deny) {
        const [map, key] = action.endsWith("*") ? [prefixes, name] : [exact, `${name}\n${action}`];
        const list = map.get(key) ?? [];
        list.push({ agents, action, rule });
        map.set(key, list);
      }
    }
  }
  for (const { policy, rules, tool, rule, at } of subject.rules()) {
    const candidates = [...(exact.get(`${tool.name}\n${rule.name}`) ?? []), ...(prefixes.get(tool.name) ?? [])];
    const deny = candidates.find(
      ({ agents, action }) =>
        subject.spend() && matches(action, rule.name) && subject.spend(rules.agents.length) && coversAll(agents, rules.agents),
    );
    if (deny === undefined) continue;
    const message = `${tool.name}:${rule.name} is never allowed: ${deny.rule} denies ${deny.action} to all these agents`;
    subject.warn(policy, [...at, "name"], "unreachable_rule", message, "drop the action, or narrow the deny");
  }
}

function coveredEgress(subject: Subject): void {
  for (const [policy, { egress }] of subject.set.policies.entries()) {
    const allow = egress?.allow ?? [];
    const byHost = new Map<string, number[]>();
    for (const [index, { host }] of allow.entries()) byHost.set(host, [...(byHost.get(host) ?? []).slice(0, 100), index]);
    for (const [index, entry] of allow.entries()) {
      const candidates = [entry.host, ...suffixes(entry.host)].flatMap((host) => byHost.get(host) ?? []);
      if (!subject.spend(candidates.length)) return;
      // Of two that say the same, the second is the one too many.
      const other = candidates.find((at) => at !== index && lets(allow[at]!, entry) && (at < index || !lets(entry, allow[at]!)));
      if (other === undefined) continue;
      const message = `${entry.host} is let through by ${allow[other]!.host} already`;
      subject.warn(policy, ["spec", "egress", "allow", index], "redundant_egress", message, "drop one of the two");
    }
  }
}

/** The wildcards that a host is under: `*.b.test` and `*.test` for `a.b.test`. */
function suffixes(host: string): string[] {
  const labels = host.replace(/^\*\./, "").split(".");
  const first = host.startsWith("*.") ? 0 : 1;
  return labels.slice(first).map((_, index) => `*.${labels.slice(first + index).join(".")}`);
}

/** Whether one entry lets through all that another does. */
function lets(wide: EgressRule, narrow: EgressRule): boolean {
  const host = wide.host === narrow.host || (wide.host.startsWith("*.") && narrow.host.endsWith(wide.host.slice(1)));
  const path = wide.path === undefined || wide.path === narrow.path;
  const methods = wide.methods === undefined || narrow.methods?.every((method) => wide.methods?.includes(method)) === true;
  return host && path && methods;
}

/** Whether a name, or a prefix ending in `*`, means an action. */
export const matches = (pattern: string, name: string): boolean =>
  pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : pattern === name;
