import { matchesName } from "../engine/limits.ts";
import type { PolicySet } from "../ir.ts";

/** How often an agent called an action, and how it was decided. */
export interface UsageCount {
  readonly agent: string;
  readonly tool: string;
  readonly action: string;
  readonly decision: string;
  readonly dryRun: boolean;
  readonly calls: number;
  /** RFC 3339. */
  readonly last: string;
}

export interface RegisteredAgent {
  readonly agent: string;
  readonly state: "active" | "suspended" | "revoked";
  /** RFC 3339. */
  readonly createdAt: string;
}

/** A right that a policy grants. `agent` is the policy's own pattern where no known agent matches it. */
export interface Entitlement {
  readonly policy: string;
  readonly rule: string;
  readonly agent: string;
  readonly tool: string;
  readonly action: string;
}

export interface DriftReport {
  /** Granted, and not used in the window. A refused call is no use of a grant. */
  readonly unused: readonly Entitlement[];
  /** Tools granted without a word why. */
  readonly unjustified: readonly { readonly policy: string; readonly rule: string; readonly tool: string }[];
  readonly overdue: readonly { readonly policy: string; readonly rule: string; readonly tool: string; readonly reviewBy: string }[];
  /** Agents that called and are in no registry. */
  readonly unregistered: readonly SeenAgent[];
  /** Agents that called and no policy is about. */
  readonly ungoverned: readonly SeenAgent[];
  /** Registered, not revoked, and not seen in the window. */
  readonly unseen: readonly RegisteredAgent[];
  readonly entitlements: number;
  readonly agentsSeen: number;
  readonly drifted: boolean;
}

export interface SeenAgent {
  readonly agent: string;
  readonly calls: number;
  readonly last: string;
}

const uses = new Set(["allow", "sanitize", "approval_needed"]);

/** Compares what policies grant with what was done and with who is registered. `today` is an ISO date. */
export function driftOf(
  policies: PolicySet,
  usage: readonly UsageCount[],
  registered: readonly RegisteredAgent[],
  today: string,
): DriftReport {
  const seen = seenAgents(usage);
  const used = new Set(usage.filter(({ decision, dryRun }) => !dryRun && uses.has(decision)).map(callKey));
  const known = [...new Set([...seen.keys(), ...registered.filter(({ state }) => state !== "revoked").map(({ agent }) => agent)])].sort();
  const granted = entitlements(policies, known);
  const names = new Set(registered.map(({ agent }) => agent));
  const patterns = policies.policies.flatMap(({ agents }) => agents);
  const agents = [...seen.values()].sort((a, b) => (a.agent < b.agent ? -1 : 1));
  const report = {
    unused: granted.filter((one) => !used.has(callKey(one))),
    unjustified: policies.policies.flatMap(({ name: policy, tools }) =>
      tools
        .filter(({ justification, actions }) => justification === undefined && actions.length > 0)
        .map(({ rule, name: tool }) => ({ policy, rule, tool })),
    ),
    overdue: policies.policies.flatMap(({ name: policy, tools }) =>
      tools.flatMap(({ rule, name: tool, reviewBy }) =>
        reviewBy !== undefined && reviewBy < today ? [{ policy, rule, tool, reviewBy }] : [],
      ),
    ),
    unregistered: agents.filter(({ agent }) => !names.has(agent)),
    ungoverned: agents.filter(({ agent }) => !patterns.some((pattern) => matchesName(pattern, agent))),
    unseen: registered.filter(({ agent, state }) => state !== "revoked" && !seen.has(agent)),
  };
  return {
    ...report,
    entitlements: granted.length,
    agentsSeen: seen.size,
    drifted: Object.values(report).some((list) => list.length > 0),
  };
}

const callKey = ({ agent, tool, action }: Pick<Entitlement, "agent" | "tool" | "action">): string => `${agent}\n${tool}\n${action}`;

function seenAgents(usage: readonly UsageCount[]): Map<string, SeenAgent> {
  const seen = new Map<string, SeenAgent>();
  for (const { agent, calls, last } of usage) {
    const before = seen.get(agent);
    seen.set(agent, { agent, calls: calls + (before?.calls ?? 0), last: before !== undefined && before.last > last ? before.last : last });
  }
  return seen;
}

/**
 * Every (agent, tool, action) that some policy grants, once for each policy; a prefix stands for the known agents that it matches. What
 * an explicit deny covers is granted by nobody.
 */
function entitlements({ policies }: PolicySet, known: readonly string[]): Entitlement[] {
  const denying = policies.filter(({ tools }) => tools.some(({ deny }) => deny.length > 0));
  return policies.flatMap((granting) => {
    const { name: policy, agents, tools } = granting;
    const matched = new Set(agents.flatMap((pattern) => expand(pattern, known)));
    const actions = tools.flatMap(({ name: tool, actions }) => actions.map(({ name: action, rule }) => ({ tool, action, rule })));
    return [...matched].sort().flatMap((agent) => {
      const counting = denying.filter(
        (other) => other === granting || (other.mode === "enforce" && other.agents.some((pattern) => matchesName(pattern, agent))),
      );
      const denies = counting.flatMap((other) => other.tools.flatMap(({ name, deny }) => deny.map(({ action }) => ({ name, action }))));
      return actions
        .filter(({ tool, action }) => !denies.some((deny) => deny.name === tool && matchesName(deny.action, action)))
        .map(({ tool, action, rule }) => ({ policy, rule, agent, tool, action }));
    });
  });
}

function expand(pattern: string, known: readonly string[]): string[] {
  if (!pattern.endsWith("*")) return [pattern];
  const found = known.filter((agent) => matchesName(pattern, agent));
  return found.length === 0 ? [pattern] : found;
}
