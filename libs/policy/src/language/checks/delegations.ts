import { nearestTo } from "../suggest.ts";
import { touches } from "./agents.ts";
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
      if (!subject.spend(policies.length)) return;
      const known = policies.some(({ agents }) => touches(agents, name));
      const near = known || !subject.whole || !subject.spend(20 * named.length) ? undefined : nearestTo(name, named);
      if (near === undefined) continue;
      const message = `no policy is about an agent "${name}"`;
      subject.warn(policy, [...at, "accept_from", index], "delegation_dead_end", message, `did you mean "${near}"?`);
    }
  }
  circles(subject);
}

interface Edge {
  readonly policy: number;
  readonly index: number;
  readonly name: string;
}

/** Of agents named exactly: who may hand work to whom, and get it back. */
function circles(subject: Subject): void {
  const from = new Map<string, Edge[]>();
  for (const [policy, { agents, delegation }] of subject.set.policies.entries()) {
    const edges = (delegation?.acceptFrom ?? []).map((name, index) => ({ policy, index, name }));
    for (const agent of edges.length === 0 ? [] : agents) {
      if (!subject.spend(10 * edges.length)) return;
      if (!agent.endsWith("*")) from.set(agent, [...(from.get(agent) ?? []), ...edges]);
    }
  }
  const told = new Set<string>();
  for (const agent of from.keys()) {
    const way = wayBack(subject, from, agent);
    const [last] = way;
    if (last === undefined || way.some(({ name }) => told.has(name))) continue;
    for (const { name } of way) told.add(name);
    const round = [...way.map(({ name }) => name).reverse(), way.at(-1)!.name].join(" → ");
    const path = ["spec", "delegation", "accept_from", last.index];
    subject.warn(last.policy, path, "delegation_circle", `work can go round in a circle: ${round}`, "drop one of the agents");
  }
}

/** The edges from an agent back to itself, breadth first; none when there is no way. */
function wayBack(subject: Subject, from: ReadonlyMap<string, readonly Edge[]>, agent: string): Edge[] {
  const before = new Map<string, { readonly from: string; readonly edge: Edge }>();
  const reached = [agent];
  for (const here of reached) {
    for (const edge of from.get(here) ?? []) {
      if (!subject.spend()) return [];
      if (before.has(edge.name)) continue;
      before.set(edge.name, { from: here, edge });
      if (edge.name !== agent) reached.push(edge.name);
    }
  }
  const way: Edge[] = [];
  for (let step = before.get(agent); step !== undefined; step = step.from === agent ? undefined : before.get(step.from))
    way.unshift(step.edge);
  return way;
}
