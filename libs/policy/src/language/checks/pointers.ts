import { segmentsOf } from "@aegis/canonical/pointer";
import { nearestTo } from "../suggest.ts";
import { shared } from "./agents.ts";
import type { Subject } from "./subject.ts";

/** DLP rules whose pointers lead to no parameter of any call that the agents may make. */
export function unknownPointers(subject: Subject): void {
  if (!subject.whole) return;
  for (const [policy, { agents, dlp }] of subject.set.policies.entries()) {
    const known = dlp.some((rule) => rule.in !== undefined) ? parametersOf(subject, agents) : undefined;
    if (known === undefined) continue;
    for (const [index, rule] of dlp.entries()) {
      for (const [at, pointer] of (rule.in ?? []).entries()) {
        const [name = ""] = segmentsOf(pointer);
        if (name === "*" || known.has(name)) continue;
        if (!subject.spend(known.size)) return;
        const near = nearestTo(name, known);
        const message = `no call that these agents may make has a parameter "${name.slice(0, 64)}"`;
        const hint = near === undefined ? "name a parameter, or drop the pointer" : `did you mean "/${near}"?`;
        subject.warn(policy, ["spec", "dlp", index, "in", at], "unknown_pointer", message, hint);
      }
    }
  }
}

/** All parameters that calls of some agents can have; undefined when that is not known. */
function parametersOf(subject: Subject, agents: readonly string[]): Set<string> | undefined {
  const known = new Set<string>();
  let calls = 0;
  for (const { rules, rule } of subject.rules()) {
    if (!subject.spend(Math.min(rules.agents.length + agents.length, 1000))) return undefined;
    if (shared(rules.agents, agents) === undefined) continue;
    if (rule.additional === "allow") return undefined;
    for (const { name } of rule.parameters) known.add(name);
    calls++;
  }
  return calls === 0 ? undefined : known;
}
