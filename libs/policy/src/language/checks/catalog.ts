import type { CatalogAction, CatalogTool } from "../../ir.ts";
import { nearestTo } from "../suggest.ts";
import { disjoint } from "./conflicts.ts";
import type { Grant, Subject } from "./subject.ts";
import { matches } from "./unreachable.ts";

/** What the tenant's catalog says of a call, if it says anything. */
export function described(subject: Subject): (tool: string, action: string) => { tool: CatalogTool; action: CatalogAction } | undefined {
  const tools = new Map((subject.set.catalog ?? []).map((tool) => [tool.name, tool]));
  const actions = new Map(
    (subject.set.catalog ?? []).flatMap((tool) => tool.actions.map((action) => [`${tool.name}\n${action.name}`, action] as const)),
  );
  return (name, call) => {
    const [tool, action] = [tools.get(name), actions.get(`${name}\n${call}`)];
    return tool === undefined || action === undefined ? undefined : { tool, action };
  };
}

/** Grants that the tenant's tools, as its catalog describes them, can never satisfy. */
export function catalogMismatches(subject: Subject): void {
  const { catalog, policies } = subject.set;
  if (catalog === undefined) return;
  const byName = new Map(catalog.map((tool) => [tool.name, tool]));
  const look = described(subject);
  for (const [policy, { tools }] of policies.entries()) {
    for (const [index, { name, deny }] of tools.entries()) {
      if (!subject.spend()) return;
      const tool = byName.get(name);
      if (tool === undefined) {
        const message = `the tenant's catalog has no tool "${name}"`;
        subject.fault(policy, ["spec", "tools", index, "name"], "unknown_tool", message, hintOf(name, byName.keys(), "describe it there"));
        continue;
      }
      for (const [at, { action }] of deny.entries()) {
        if (!subject.spend(tool.actions.length)) return;
        if (tool.actions.some((each) => matches(action, each.name))) continue;
        const message = `${name} has no action that "${action}" denies, says the tenant's catalog`;
        const names = tool.actions.map((each) => each.name);
        subject.warn(policy, ["spec", "tools", index, "deny", at], "unreachable_rule", message, hintOf(action, names, "drop it"));
      }
    }
  }
  for (const grant of subject.rules()) {
    const tool = byName.get(grant.tool.name);
    const action = look(grant.tool.name, grant.rule.name)?.action;
    if (tool === undefined) continue;
    if (action !== undefined) checkParameters(subject, grant, action);
    else {
      const message = `${tool.name} has no action "${grant.rule.name}", says the tenant's catalog`;
      const names = tool.actions.map(({ name }) => name);
      subject.fault(grant.policy, [...grant.at, "name"], "unknown_action", message, hintOf(grant.rule.name, names, "describe it there"));
    }
  }
}

function checkParameters(subject: Subject, { policy, rule, at, tool }: Grant, { parameters, rule: where }: CatalogAction): void {
  if (parameters === undefined) return;
  const taken = new Map(parameters.map((parameter) => [parameter.name, parameter]));
  const call = `${tool.name}:${rule.name}`;
  for (const parameter of rule.parameters) {
    if (!subject.spend()) return;
    const { name } = parameter;
    const path = [...at, "parameters", name];
    const real = taken.get(name);
    if (real === undefined) {
      const message = `${call} takes no parameter "${name}" (${where})`;
      subject.fault(policy, [...path, "~key"], "unknown_parameter", message, hintOf(name, taken.keys(), "drop it, or describe it there"));
    } else if (disjoint(real, parameter)) {
      const message = `no ${name} can both be allowed here and taken by ${call} (${real.rule})`;
      subject.fault(
        policy,
        path,
        "unsatisfiable_grant",
        message,
        real.type === undefined || real.type === parameter.type ? `make the bounds overlap` : `it takes ${a(real.type)}`,
      );
    }
  }
  if (rule.additional === "allow") return;
  const allowed = new Set(rule.parameters.map(({ name }) => name));
  for (const { name, optional, rule: needed } of parameters) {
    if (optional || allowed.has(name) || !subject.spend()) continue;
    const message = `${call} needs "${name}" (${needed}), which is not among the parameters allowed here`;
    subject.fault(policy, [...at, "name"], "unsatisfiable_grant", message, `add ${name} to parameters`);
  }
}

const a = (type: string): string => `${/^[aeiou]/.test(type) ? "an" : "a"} ${type}`;

function hintOf(written: string, known: Iterable<string>, otherwise: string): string {
  const near = nearestTo(written, known);
  return near === undefined ? otherwise : `did you mean "${near}"?`;
}
