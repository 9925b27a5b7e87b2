import type { EgressRule } from "../../ir.ts";
import { coversAll } from "./agents.ts";
import type { Subject } from "./subject.ts";

/** Rules that can never decide a call. */
export function unreachableRules(subject: Subject): void {
  deniedActions(subject);
  coveredEgress(subject);
}

/** An explicit deny beats every allow, of any policy. */
function deniedActions(subject: Subject): void {
  const denies = new Map<string, { agents: readonly string[]; action: string; rule: string }[]>();
  for (const { mode, agents, tools } of subject.set.policies) {
    if (mode === "shadow") continue;
    for (const { name, deny } of tools) {
      if (deny.length > 0) denies.set(name, [...(denies.get(name) ?? []), ...deny.map(({ action, rule }) => ({ agents, action, rule }))]);
    }
  }
  for (const { policy, rules, tool, rule, at } of subject.rules()) {
    const deny = denies.get(tool.name)?.find(({ agents, action }) => matches(action, rule.name) && coversAll(agents, rules.agents));
    if (deny === undefined) continue;
    const message = `${tool.name}:${rule.name} is never allowed: ${deny.rule} denies ${deny.action} to all these agents`;
    subject.warn(policy, [...at, "name"], "unreachable_rule", message, "drop the action, or narrow the deny");
  }
}

function coveredEgress(subject: Subject): void {
  for (const [policy, { egress }] of subject.set.policies.entries()) {
    const allow = egress?.allow ?? [];
    for (const [index, entry] of allow.entries()) {
      // Of two that say the same, the second is the one too many.
      const other = allow.findIndex((each, at) => at !== index && lets(each, entry) && (at < index || !lets(entry, each)));
      if (other === -1) continue;
      const message = `${entry.host} is let through by ${allow[other]!.host} already`;
      subject.warn(policy, ["spec", "egress", "allow", index], "redundant_egress", message, "drop one of the two");
    }
  }
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
