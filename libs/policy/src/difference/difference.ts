import type { Limit, Policy, PolicySet } from "../ir.ts";
import { tellActions } from "./actions.ts";
import type { Change } from "./change.ts";
import { agentsOf, limitLookup, meaning, pairPolicies, policiesFor } from "./holdings.ts";
import { tellMembers } from "./members.ts";
import { type Tell, teller } from "./report.ts";
import { tellTenant } from "./tenant.ts";

export type { Change, ChangeKind, Direction } from "./change.ts";

/**
 * What a reviewer should know of the way from one set of policies to another, agent by agent: an undefined set is a tenant's before its
 * first. Whenever the two decide some call differently, a change names the caller (or an actor it acts for, whose own rules count) and
 * the call; where no change is told, no call is decided differently. The order is by agent, the tenant's ground rules first.
 */
export function difference(before: PolicySet | undefined, after: PolicySet): Change[] {
  const changes: Change[] = [];
  const was = before ?? { format: 1, tenant: after.tenant, governance: { limits: [], settings: {} }, policies: [] };
  tellTenant(was, after, teller("*", changes));
  const [earlier, later] = [policiesFor(was), policiesFor(after)];
  const meanings = new Map<Policy, string>();
  const meaningOf = (policy: Policy): string => {
    const known = meanings.get(policy) ?? meaning(policy);
    meanings.set(policy, known);
    return known;
  };
  const limits = limitLookup();
  for (const agent of agentsOf(was, after)) {
    const [from, to] = [earlier(agent), later(agent)];
    if (from.length === to.length && from.every((policy, at) => meaningOf(policy) === meaningOf(to[at] as Policy))) continue;
    tellAgent((policy) => limits(agent, policy), from, to, teller(agent, changes));
  }
  return changes;
}

function tellAgent(limits: (policy: Policy) => readonly Limit[], from: readonly Policy[], to: readonly Policy[], tell: Tell): void {
  const { before, after, pairs } = pairPolicies(from, to);
  const [was, is] = [stance(from), stance(to)];
  const rules = { before: from.map(({ rule }) => rule), after: to.map(({ rule }) => rule) };
  if (was !== is) {
    if (was === undefined) tell({ kind: "agent", direction: "loosens", what: `becomes known: ${means[is as Stance]}`, rules });
    else if (is === undefined) tell({ kind: "agent", direction: "tightens", what: "is no longer known: everything is denied", rules });
    else tell({ kind: "mode", direction: is === "enforce" ? "tightens" : "loosens", what: `mode`, before: was, after: is, rules });
  }
  const [tried, tries] = [from, to].map((policies) => policies.some(({ mode }) => mode === "shadow"));
  if (was === is && tried !== tries) {
    tell({ kind: "mode", direction: "changes", what: tries ? "has a policy in shadow now" : "has no policy in shadow any more", rules });
  }
  for (const [a, b] of pairs) {
    if (a.mode === b.mode) continue;
    const places = { before: [a.rule], after: [b.rule] };
    tell({
      kind: "mode",
      direction: b.mode === "enforce" ? "tightens" : "loosens",
      what: `policy ${b.name}`,
      before: a.mode,
      after: b.mode,
      rules: places,
    });
  }
  tellMembers(limits, before, after, tell);
  tellActions(before, after, tell);
}

type Stance = "enforce" | "shadow";

const means: Readonly<Record<Stance, string>> = {
  enforce: "what its policies allow is allowed",
  shadow: "its policies are all in shadow, so everything is allowed and reported",
};

/** How an agent's calls are judged by default; undefined when no policy is about it. */
function stance(policies: readonly Policy[]): Stance | undefined {
  if (policies.length === 0) return undefined;
  return policies.some(({ mode }) => mode === "enforce") ? "enforce" : "shadow";
}
