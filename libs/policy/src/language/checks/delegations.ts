import { nearestTo } from "../suggest.ts";
import { covers } from "./agents.ts";
import type { Subject } from "./subject.ts";

/** Delegation that no call can use, or that comes back to where it began. */
export function deadDelegations(subject: Subject): void {
  const { policies, governance } = subject.set;
  const named = [...new Set(policies.flatMap(({ agents }) => agents.filter((agent) => !agent.endsWith("*"))))];
  for (const [policy, { delegation }] of policies.entries()) {
    if (delegation === undefined) continue;
    const { acceptFrom, maxDepth } = delegation;
    const at = ["spec", "delegation"];
    if (acceptFrom !== undefined && acceptFrom.length > 0 && maxDepth === 0) {
      subject.warn(
        policy,
        [...at, "max_depth"],
        "delegation_dead_end",
        "accept_from names agents, and max_depth 0 lets none delegate",
        "write 1 or more",
      );
    }
    if (maxDepth !== undefined && governance.maxDepth !== undefined && maxDepth > governance.maxDepth) {
      const message = `the tenant's governance stops at depth ${governance.maxDepth} (${governance.rule})`;
      subject.warn(policy, [...at, "max_depth"], "redundant_limit", message, `write ${governance.maxDepth} or less`);
    }
    for (const [index, name] of (acceptFrom ?? []).entries()) {
      const known = policies.some(({ agents }) => agents.some((agent) => covers(agent, name) || covers(name, agent)));
      const near = known || !subject.whole ? undefined : nearestTo(name, named);
      if (near === undefined) continue;
      const message = `no policy is about an agent "${name}"`;
      subject.warn(policy, [...at, "accept_from", index], "delegation_dead_end", message, `did you mean "${near}"?`);
    }
  }
  circles(subject);
}

/** Of agents named exactly: who may hand work to whom, and get it back. */
function circles(subject: Subject): void {
  const { policies } = subject.set;
  const from = new Map<string, { policy: number; index: number; name: string }[]>();
  for (const [policy, { agents, delegation }] of policies.entries()) {
    for (const agent of agents.filter((name) => !name.endsWith("*"))) {
      const edges = (delegation?.acceptFrom ?? []).map((name, index) => ({ policy, index, name }));
      from.set(agent, [...(from.get(agent) ?? []), ...edges]);
    }
  }
  const told = new Set<string>();
  for (const agent of from.keys()) {
    const way = wayBack(from, agent);
    const last = way?.[0];
    if (way === undefined || last === undefined || way.some(({ name }) => told.has(name))) continue;
    for (const { name } of way) told.add(name);
    const message = `work can go round in a circle: ${[agent, ...way.map(({ name }) => name)].reverse().join(" → ")}`;
    subject.warn(last.policy, ["spec", "delegation", "accept_from", last.index], "delegation_circle", message, "drop one of the agents");
  }
}

/** The edges from an agent back to itself, breadth first. */
function wayBack<E extends { name: string }>(from: ReadonlyMap<string, readonly E[]>, agent: string): E[] | undefined {
  const ways: E[][] = (from.get(agent) ?? []).map((edge) => [edge]);
  const seen = new Set<string>();
  for (const way of ways) {
    const { name } = way.at(-1)!;
    if (name === agent) return way;
    if (seen.has(name) || way.length > 8) continue;
    seen.add(name);
    ways.push(...(from.get(name) ?? []).map((edge) => [...way, edge]));
  }
  return undefined;
}
