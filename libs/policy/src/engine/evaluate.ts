import type { Reason } from "@aegis/contracts/reasons";
import type { EvaluationInput } from "../input.ts";
import { type Destination, parseDestination } from "./egress.ts";
import { matchesName } from "./limits.ts";
import { Outcome } from "./outcome.ts";
import type { PreparedDlp, PreparedPolicy, PreparedTool } from "./prepared.ts";
import type { PreparedSessionRule } from "./session.ts";

/** The policies that match one agent, in source order. */
export interface View {
  readonly policies: readonly PreparedPolicy[];
  readonly enforced: readonly PreparedPolicy[];
  readonly enforcedDlp: readonly PreparedDlp[];
  readonly allDlp: readonly PreparedDlp[];
}

/** Which rules count: those enforced, or all as if none were in shadow. */
export type Extent = "enforced" | "all";

/** Finds the policies of another agent of the chain. */
export interface Views {
  of(agent: string): View | undefined;
}

const outOfScope: Reason = Object.freeze({ code: "scope_missing", message: "the token's scope does not cover the call" });

/**
 * What the policies of one view say, stage by stage: delegation, which ends it; then tool, action and scope; then each policy's
 * purpose, explicit denies, parameters, condition, destination, session and drift, in source order; then what the detectors found;
 * then which rules want every call approved.
 */
export function judge(view: View, input: EvaluationInput, extent: Extent, views: Views): Outcome {
  const outcome = new Outcome();
  const policies = extent === "all" ? view.policies : view.enforced;
  checkDelegation(policies, input, outcome);
  outcome.stopped = outcome.denied;
  if (outcome.stopped) return outcome;
  checkMention(policies, input, outcome);
  if (!inScope(input)) outcome.deny(outOfScope);
  checkRules(policies, input, extent, outcome);
  checkDrift(policies, input, outcome);
  for (const policy of policies) {
    if (policy.delegation?.intersect === true) {
      checkChain(input, extent, views, policy.delegation.rule, outcome);
      break;
    }
  }
  if (input.findings.length > 0) outcome.sanitize(extent === "all" ? view.allDlp : view.enforcedDlp, input.findings);
  outcome.askAlways();
  return outcome;
}

/** Whether the token's scope names the call. A colon inside a name is spelled `%3A`. */
function inScope({ principal, tool, action }: EvaluationInput): boolean {
  const encodedTool = encodeColon(tool);
  const exact = `${encodedTool}:${encodeColon(action)}`;
  const whole = `${encodedTool}:*`;
  for (const item of principal.scope) if (item === exact || item === whole) return true;
  return false;
}

export function scopeOutcome(input: EvaluationInput): Outcome {
  const outcome = new Outcome();
  if (!inScope(input)) outcome.deny(outOfScope);
  return outcome;
}

function checkDelegation(policies: readonly PreparedPolicy[], { principal }: EvaluationInput, outcome: Outcome): void {
  const parent = principal.chain[1];
  if (parent === undefined && principal.depth === 0) return;
  for (const { delegation } of policies) {
    if (delegation === undefined) continue;
    if (principal.depth > delegation.maxDepth) outcome.deny(delegation.depth);
    // A delegated token without its delegator is a broken chain, and accepted from nobody.
    if (parent === undefined || !delegation.accepts(parent)) outcome.deny(delegation.source);
  }
}

/** Default deny: some policy must speak of the tool and the action. */
function checkMention(policies: readonly PreparedPolicy[], { tool, action }: EvaluationInput, outcome: Outcome): void {
  let known: PreparedTool | undefined;
  for (const policy of policies) {
    const rules = policy.tools.get(tool);
    if (rules === undefined) continue;
    if (rules.actions.has(action) || rules.denied.some(({ source }) => matchesName(source.action, action))) return;
    known ??= rules;
  }
  if (known !== undefined)
    outcome.deny({ code: "action_not_allowed", message: "no policy allows this action of the tool", rule: known.rule });
  else outcome.deny({ code: "tool_not_allowed", message: "no policy allows this tool", rule: policies[0]!.source.rule });
}

function checkRules(policies: readonly PreparedPolicy[], input: EvaluationInput, extent: Extent, outcome: Outcome): void {
  const { tool, action, destination, context } = input;
  let parsed: Destination | undefined;
  let isParsed = false;
  for (const policy of policies) {
    if (policy.purposes !== undefined && (context.purpose === undefined || !policy.purposes.allowed.has(context.purpose))) {
      outcome.deny(policy.purposes.reason);
    }
    const rules = policy.tools.get(tool);
    if (rules !== undefined) checkTool(rules, action, input, extent, outcome);
    if (policy.egress !== undefined && destination !== undefined) {
      if (!isParsed) [parsed, isParsed] = [parseDestination(destination.url), true];
      if (!policy.egress.check(parsed, destination.method)) outcome.deny(policy.egress.reason);
    }
    if (policy.session.length > 0) checkSession(policy.session, input, outcome);
  }
}

function checkTool(rules: PreparedTool, action: string, input: EvaluationInput, extent: Extent, outcome: Outcome): void {
  for (const { source, reason } of rules.denied) if (matchesName(source.action, action)) outcome.deny(reason, source.digest);
  const rule = rules.actions.get(action);
  if (rule === undefined || (!rule.enforced && extent !== "all")) return;
  outcome.enter(rule);
  rule.check(input.arguments, outcome);
  if (rule.condition !== undefined) rule.condition(input, outcome);
  outcome.leave();
  if (rule.approval !== undefined) outcome.askFinally(rule.approval, rule.source);
}

function checkSession(rules: readonly PreparedSessionRule[], { session, tool, action }: EvaluationInput, outcome: Outcome): void {
  if (session === undefined) return;
  for (const rule of rules) {
    if (!rule.applies(session, encodeColon(tool), action)) continue;
    if (rule.asks) outcome.ask(rule.reason, rule);
    else outcome.deny(rule.reason, rule.digest);
  }
}

function checkDrift(policies: readonly PreparedPolicy[], { drift }: EvaluationInput, outcome: Outcome): void {
  if (drift !== true) return;
  for (const { drift: rule } of policies) {
    if (rule === undefined) continue;
    if (rule.action === "deny") outcome.deny(rule.reason, rule.digest);
    else if (rule.action === "approval_needed") outcome.ask(rule.reason, rule);
    else outcome.note(rule.reason);
  }
}

/** `authority: intersect`: each earlier actor must be allowed the same call by its own policies. */
function checkChain(input: EvaluationInput, extent: Extent, views: Views, rule: string, outcome: Outcome): void {
  for (const actor of new Set(input.principal.chain.slice(1))) {
    const view = views.of(actor);
    const policies = extent === "all" ? view?.policies : view?.enforced;
    if (view === undefined) {
      outcome.deny({ code: "policy_missing", message: `no policy is about ${actor}, an earlier actor of the chain`, rule });
    } else if (policies !== undefined && policies.length > 0) {
      checkMention(policies, input, outcome);
      checkRules(policies, input, extent, outcome);
    }
  }
}

const encodeColon = (name: string): string => (name.includes(":") ? name.replaceAll(":", "%3A") : name);
