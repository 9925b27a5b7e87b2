import type { Reason } from "@aegis/contracts/reasons";
import { type Detectors, prepareDetectors } from "@aegis/dlp/prepare";
import type { EvaluationInput, Verdict } from "../input.ts";
import type { CatalogAction, Governance, Policy, PolicyContent } from "../ir.ts";
import { prepareCatalog } from "./catalog.ts";
import type { ChargePlan } from "./charges.ts";
import { noCost, priceOf } from "./cost.ts";
import { judge, scopeOutcome } from "./evaluate.ts";
import { type Effect, Outcome } from "./outcome.ts";
import { type PersonalLookup, preparePersonal } from "./personal.ts";
import { Shared } from "./prepared.ts";
import { type ResultDuties, resultDuties } from "./results.ts";
import { callName, type SessionDuty, sessionAudience } from "./session.ts";
import { type AgentView, ViewIndex } from "./views.ts";

export { limitFor, limitsOf } from "./limits.ts";
export type { PersonalPlaces } from "./personal.ts";

/** One verified revision, ready to decide. Immutable: a new revision is a new snapshot. */
export interface Snapshot {
  readonly tenant: string;
  readonly revision: number;
  readonly version: string;
  /** `snapshot_digest`. */
  readonly digest: string;
  readonly governance: Governance;
  /** The detectors to run over an agent's arguments before `evaluate`. */
  detectors(agent: string): Detectors;
  /** Every built-in detector and every one of the tenant's: what they find is kept out of records, whether or not a rule asks for it. */
  readonly everyDetector: Detectors;
  /**
   * What a call has to do with its session: because its agent's policies ask what was seen there, or those of an earlier actor that hold
   * too, or because it leaves what somebody's policies ask about. `chain` is the principal's, the agent first.
   */
  sessionDuty(chain: readonly string[], tool: string, action: string): SessionDuty;
  /** What of a call is somebody's own, whether or not any policy is about it. */
  readonly personal: PersonalLookup;
  /** Some call may hold what is somebody's own. */
  readonly declaresPersonal: boolean;
  /** What holds for what a tool answers an agent. */
  resultRules(agent: string, tool: string, action: string): ResultDuties;
  /** Pure and total: never throws for a well-typed input, whatever the arguments hold. */
  evaluate(input: EvaluationInput): Verdict;
  /** The same, with how it came about. */
  assess(input: EvaluationInput): Assessment;
}

/** A verdict with how it came about, for `explain`. */
export interface Assessment {
  readonly verdict: Verdict;
  /** The policies that are about the agent, in source order. */
  readonly policies: readonly Policy[];
  /** What each of the verdict's reasons does, by its position. */
  readonly effects: readonly Effect[];
  /** The same for the reasons of `verdict.shadow`. */
  readonly shadowEffects: readonly Effect[];
}

/** Indexes a revision's rules. Patterns are compiled once, when an agent they are about first calls. */
export function prepare(content: PolicyContent): Snapshot {
  const { tenant, revision, version, digest, policies } = content;
  const { governance } = policies;
  const shared = new Shared(policies);
  const views = new ViewIndex(policies, shared);
  const known = prepareCatalog(policies);
  const audience = sessionAudience(policies);
  const resultRules: Snapshot["resultRules"] = (agent, tool, action) =>
    resultDuties(views.of(agent)?.enforced ?? [], known(tool, action), { tool, action }, shared);
  const judged = (input: EvaluationInput): Judged => {
    const refusal = identityReason(governance, tenant, input);
    if (refusal !== undefined) return refused(refusal);
    const view = views.of(input.principal.agent);
    if (view === undefined) return refused(policyMissing);
    const entry = known(input.tool, input.action);
    const outcome = view.enforced.length > 0 ? judge(view, input, "enforced", views) : scopeOutcome(input);
    requirePrompt(view.plan, input, outcome);
    const price = charge(input, outcome, entry, governance.exchangeRates);
    if (!view.shadowed && !hasShadowAction(view, input)) return { view, entry, outcome, cost: price, shadow: undefined };
    const shadow = judge(view, input, "all", views);
    requirePrompt(view.wholePlan, input, shadow);
    charge(input, shadow, entry, governance.exchangeRates);
    return { view, entry, outcome, cost: price, shadow };
  };
  return {
    tenant,
    revision,
    version,
    digest,
    governance,
    detectors: (agent) => views.of(agent)?.detectors ?? noDetectors,
    everyDetector: prepareDetectors(undefined, policies.detectors),
    personal: preparePersonal(policies),
    declaresPersonal: policies.catalog?.some(({ personal, actions }) => personal ?? actions.some((action) => action.personal)) ?? false,
    sessionDuty([agent = "", ...earlier], tool, action) {
      const view = views.of(agent);
      if (view === undefined) return "none";
      if (view.asksSession || (view.intersects && earlier.some((actor) => views.of(actor)?.asksSession))) return "require";
      const asked = audience?.({ labels: resultRules(agent, tool, action).labels, calls: [callName(tool, action)] });
      if (asked === "rule") return "require";
      return asked === "condition" || view.triesSession ? "try" : "none";
    },
    resultRules,
    evaluate: (input) => verdictOf(input, judged(input)),
    assess: (input) => {
      const found = judged(input);
      return {
        verdict: verdictOf(input, found),
        policies: found.view?.policies.map(({ source }) => source) ?? [],
        effects: found.outcome.effects,
        shadowEffects: found.shadow?.effects ?? [],
      };
    },
  };
}

interface Judged {
  /** Absent when the call ended before any agent's policy was asked. */
  readonly view: AgentView | undefined;
  readonly entry: CatalogAction | undefined;
  readonly outcome: Outcome;
  readonly cost: Verdict["cost"];
  readonly shadow: Outcome | undefined;
}

const noDetectors = prepareDetectors([]);
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

function refused(reason: Reason): Judged {
  const outcome = new Outcome();
  outcome.deny(reason);
  return { view: undefined, entry: undefined, outcome, cost: noCost, shadow: undefined };
}

/** A call whose cost cannot be told, and that nothing bounds, cannot be held to any budget. */
function charge(
  input: EvaluationInput,
  outcome: Outcome,
  entry: CatalogAction | undefined,
  rates: Governance["exchangeRates"],
): Verdict["cost"] {
  const { cost, unknown } = priceOf(input, outcome.rules, entry, rates);
  if (unknown !== undefined && !outcome.denied) outcome.deny(unknown);
  return cost;
}

function verdictOf(input: EvaluationInput, { view, entry, outcome, cost, shadow }: Judged): Verdict {
  const { decision } = outcome;
  const denied = decision === "deny";
  return {
    decision,
    reasons: outcome.reasons,
    redactions: denied ? noRedactions : outcome.redactions,
    shadow: shadow && { decision: shadow.decision, reasons: shadow.reasons },
    ruleDigest: outcome.ruleDigest,
    approval: outcome.approval,
    overridable: decision === "approval_needed",
    charges: denied || view === undefined ? noCharges : view.plan.charges(input, cost),
    rates: denied || view === undefined ? noRates : view.rates(input),
    cost,
    obligations: obligationsOf(outcome),
    durability: outcome.durability(entry?.durability),
  };
}

const noRedactions: Verdict["redactions"] = Object.freeze([]);
const noCharges: Verdict["charges"] = Object.freeze([]);
const noRates: Verdict["rates"] = Object.freeze([]);
const noObligations: Verdict["obligations"] = Object.freeze([]);

function obligationsOf({ rules }: Outcome): readonly string[] {
  if (!rules.some(({ source }) => source.obligations.length > 0)) return noObligations;
  return [...new Set(rules.flatMap(({ source }) => source.obligations))];
}
