import { coversAll, everyone } from "./agents.ts";
import { described } from "./catalog.ts";
import { patternShape } from "./pattern-shape.ts";
import type { Grant, Subject } from "./subject.ts";

/** Rules that let through more than they seem to. */
export function opensMore(subject: Subject): void {
  const look = described(subject);
  const told = new Set<string>();
  for (const grant of subject.rules()) {
    const found = look(grant.tool.name, grant.rule.name);
    const writes = found?.action.writes === true;
    const risky = found?.action.risk === "high" && writes;
    const irreversible = grant.rule.durability === "T0";
    if (writes || irreversible) everyAgent(subject, grant, writes ? "writes" : "is irreversible");
    if (writes) anyParameter(subject, grant);
    if (risky) inShadow(subject, grant);
    if (found?.tool.network === true) withoutEgress(subject, grant, told);
    for (const { name, matches } of grant.rule.parameters) {
      if (matches !== undefined) unanchored(subject, grant, name, matches);
    }
  }
}

function everyAgent(subject: Subject, { policy, rules, tool, rule }: Grant, what: string): void {
  const index = everyone(rules.agents);
  if (index === -1 || rules.mode === "shadow") return;
  const message = `every agent of the tenant may call ${tool.name}:${rule.name}, which ${what}`;
  subject.warn(policy, ["spec", "agents", index], "opens_more", message, "name the agents");
}

function anyParameter(subject: Subject, { policy, tool, rule, at }: Grant): void {
  if (rule.additional === "deny" || subject.isBare(policy)) return;
  const message = `${tool.name}:${rule.name} writes, and is let through with parameters that nobody named`;
  subject.warn(policy, [...at, "additional_parameters"], "opens_more", message, "name the parameters, and drop additional_parameters");
}

function inShadow(subject: Subject, { policy, rules, tool, rule, at }: Grant): void {
  const path = rule.mode === "shadow" ? [...at, "mode"] : ["spec", "mode"];
  if (rules.mode !== "shadow" && rule.mode !== "shadow") return;
  const message = `${tool.name}:${rule.name} writes at high risk, and nothing is enforced in shadow`;
  subject.warn(policy, path, "opens_more", message, "enforce it, or let another policy do so");
}

function withoutEgress(subject: Subject, { policy, rules, tool, toolAt }: Grant, told: Set<string>): void {
  const key = `${policy}\n${tool.name}`;
  if (rules.egress !== undefined || told.has(key) || !subject.whole) return;
  told.add(key);
  const bounding = subject.set.policies.filter(({ mode, egress }) => mode === "enforce" && egress !== undefined);
  if (!subject.spend(subject.set.policies.length + bounding.length * rules.agents.length)) return;
  if (bounding.some(({ agents }) => coversAll(agents, rules.agents))) return;
  const message = `${tool.name} calls the network, and no egress list says where these agents may go`;
  subject.warn(policy, [...toolAt, "name"], "opens_more", message, "add egress.allow with the hosts it needs");
}

function unanchored(subject: Subject, { policy, at }: Grant, name: string, pattern: string): void {
  const shape = patternShape(pattern);
  if (shape === undefined || (shape.atStart && shape.atEnd)) return;
  const halves = shape.alternatives > 1 && shape.anchored && !shape.atStart && !shape.atEnd;
  const open = !shape.anchored && shape.least >= 3 && !/^\.[*+]|\.[*+]\??$/.test(pattern);
  if (!halves && !open) return;
  const why = halves ? "^ and $ each hold for one alternative alone" : "it is found anywhere in a longer text, too";
  const whole = shape.alternatives > 1 || halves ? `^(?:${pattern.replace(/^\^|\$$/g, "")})$` : `^${pattern}$`;
  const path = [...at, "parameters", name, "matches"];
  subject.warn(policy, path, "unanchored_pattern", `${name} need not be what the pattern shows: ${why}`, `write "${whole}"`);
}
