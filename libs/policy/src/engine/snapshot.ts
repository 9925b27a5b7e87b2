import type { Reason } from "@aegis/contracts/reasons";
import type { DetectorName } from "@aegis/dlp/detect";
import type { EvaluationInput, Verdict } from "../input.ts";
import type { Governance, PolicyContent } from "../ir.ts";
import type { ChargePlan } from "./charges.ts";
import { judge, scopeOutcome } from "./evaluate.ts";
import { Outcome } from "./outcome.ts";
import { type AgentView, ViewIndex } from "./views.ts";

export { limitFor, limitsOf } from "./limits.ts";

/** One verified revision, ready to decide. Immutable: a new revision is a new snapshot. */
export interface Snapshot {
  readonly tenant: string;
  readonly revision: number;
  readonly version: string;
  /** `snapshot_digest`. */
  readonly digest: string;
  readonly governance: Governance;
  /** The detectors to run over an agent's arguments before `evaluate`. */
  detectors(agent: string): readonly DetectorName[];
  /** Pure and total: never throws for a well-typed input, whatever the arguments hold. */
  evaluate(input: EvaluationInput): Verdict;
}

/** Indexes a revision's rules. Patterns are compiled once, when an agent they are about first calls. */
export function prepare(content: PolicyContent): Snapshot {
  const { tenant, revision, version, digest, policies } = content;
  const { governance } = policies;
  const views = new ViewIndex(policies);
  const viewOf = (agent: string) => views.of(agent);
  return {
    tenant,
    revision,
    version,
    digest,
    governance,
    detectors: (agent) => views.of(agent)?.detectors ?? noDetectors,
    evaluate: (input) => {
      const refusal = identityReason(governance, tenant, input);
      if (refusal !== undefined) return refused(refusal);
      const view = views.of(input.principal.agent);
      if (view === undefined) return refused(policyMissing);
      const outcome = view.enforced.length > 0 ? judge(view, input, "enforced", viewOf) : scopeOutcome(input);
      requirePrompt(view.plan, input, outcome);
      if (!view.shadowed && !hasShadowAction(view, input)) return verdictOf(view, input, outcome, undefined);
      const shadow = judge(view, input, "all", viewOf);
      requirePrompt(view.wholePlan, input, shadow);
      return verdictOf(view, input, outcome, shadow);
    },
  };
}

const noDetectors: readonly DetectorName[] = [];
const policyMissing: Reason = Object.freeze({ code: "policy_missing", message: "no policy is about this agent" });

/** What ends a call before any agent's policy is asked, and is never in shadow. */
function identityReason(governance: Governance, tenant: string, { principal, now }: EvaluationInput): Reason | undefined {
  if (principal.tenant !== tenant) return policyMissing;
  const { maxDepth, tokenTtlSeconds } = governance;
  const rule = governance.rule === undefined ? {} : { rule: governance.rule };
  if (
    tokenTtlSeconds !== undefined &&
    principal.depth > 0 &&
    principal.issuedAt !== undefined &&
    now / 1000 - principal.issuedAt > tokenTtlSeconds
  ) {
    return { code: "token_expired", message: `a delegated token lives ${tokenTtlSeconds} seconds`, ...rule };
  }
  if (maxDepth !== undefined && principal.depth > maxDepth) {
    return { code: "delegation_depth", message: `work was handed on more than ${maxDepth} times`, ...rule };
  }
  return undefined;
}

/** Under a quota per prompt, a call of no prompt cannot be counted. */
function requirePrompt({ promptLimit }: ChargePlan, { context }: EvaluationInput, outcome: Outcome): void {
  if (outcome.stopped || promptLimit === undefined || (context.promptId !== undefined && context.promptId !== "")) return;
  outcome.deny({ code: "prompt_missing", message: "a quota per prompt applies, and the call names no prompt", rule: promptLimit.rule });
}

function hasShadowAction(view: AgentView, { tool, action }: EvaluationInput): boolean {
  for (const policy of view.enforced) if (policy.tools.get(tool)?.actions.get(action)?.enforced === false) return true;
  return false;
}

function refused(reason: Reason): Verdict {
  const outcome = new Outcome();
  outcome.deny(reason);
  return {
    decision: "deny",
    reasons: outcome.reasons,
    redactions: [],
    shadow: undefined,
    ruleDigest: undefined,
    approval: undefined,
    overridable: false,
    charges: [],
    rates: [],
    cost: noCost,
    obligations: [],
    durability: outcome.durability,
  };
}

const noCost = Object.freeze({ microUsd: 0, tokens: 0 });

function verdictOf(view: AgentView, input: EvaluationInput, outcome: Outcome, shadow: Outcome | undefined): Verdict {
  const { decision } = outcome;
  const cost = costOf(input, outcome);
  return {
    decision,
    reasons: outcome.reasons,
    redactions: decision === "deny" ? [] : outcome.redactions,
    shadow: shadow && { decision: shadow.decision, reasons: shadow.reasons },
    ruleDigest: outcome.ruleDigest,
    approval: outcome.approval,
    overridable: decision === "approval_needed",
    charges: decision === "deny" ? [] : view.plan.charges(input, cost),
    rates: decision === "deny" ? [] : view.rates(input),
    cost,
    obligations: obligationsOf(outcome),
    durability: outcome.durability,
  };
}

/** The policy's price, the dearest of several; without one, the caller's estimate. */
function costOf({ estimate }: EvaluationInput, { rules }: Outcome): Verdict["cost"] {
  let price: number | undefined;
  for (const { costMicroUsd } of rules) if (costMicroUsd !== undefined) price = Math.max(price ?? 0, costMicroUsd);
  if (estimate === undefined) return price === undefined ? noCost : { microUsd: price, tokens: 0 };
  return { microUsd: price ?? units(estimate.microUsd), tokens: units(estimate.tokens) };
}

/** A caller's estimate as whole units. A negative one would give budget back. */
const units = (estimate: number): number => (estimate > 0 ? Math.min(Math.ceil(estimate), Number.MAX_SAFE_INTEGER) : 0);

const noObligations: readonly string[] = [];

function obligationsOf({ rules }: Outcome): readonly string[] {
  const first = rules.find(({ obligations }) => obligations.length > 0);
  if (first === undefined) return noObligations;
  return [...new Set(rules.flatMap(({ obligations }) => obligations))];
}
