import type { JsonObject } from "@aegis/canonical/ijson";
import type { DecisionData } from "@aegis/contracts/decision-event";
import type { DecisionName, Reason, ReasonCode } from "@aegis/contracts/reasons";
import type { Finding } from "@aegis/dlp/detect";
import type { EvaluationInput } from "../input.ts";

/** A decision as the ledger holds it, with when it was made. */
export interface RecordedDecision {
  /** RFC 3339. */
  readonly time: string;
  readonly data: DecisionData;
}

/** Reasons that follow from state at that moment, after the policies had let the call through or asked for an approval. */
const stateCodes: ReadonlySet<ReasonCode> = new Set<ReasonCode>([
  "budget_exhausted",
  "rate_limited",
  "circuit_open",
  "retry_unchanged",
  "approval_denied",
  "approval_expired",
  "override_invalid",
  "audit_unavailable",
  "sanitize_unsupported",
]);

/** A budget's threshold and a missing session speak with the codes of policies, and name no rule. */
const ofState = ({ code, rule }: Reason): boolean =>
  stateCodes.has(code) || ((code === "approval_required" || code === "session_flow") && rule === undefined);

/** Refusals that came before any policy was asked. */
const identityCodes: ReadonlySet<ReasonCode> = new Set<ReasonCode>([
  "agent_revoked",
  "agent_suspended",
  "token_expired",
  "token_replayed",
  "revocation_stale",
  "context_mismatch",
  "authorization_details_exceeded",
  "policy_stale",
  "internal",
]);

/**
 * What the policies of that time said, as far as the record tells: `judged`, their decision; `state`, they would have let the call
 * through but something else refused it; `identity`, they were not asked.
 */
export type PolicyStage =
  | { readonly kind: "judged"; readonly decision: DecisionName; readonly overridden: boolean }
  | { readonly kind: "state" }
  | { readonly kind: "identity" };

export function policyStage({ decision, reasons, overrideOf }: DecisionData): PolicyStage {
  if (overrideOf !== undefined) return { kind: "judged", decision: "approval_needed", overridden: true };
  if (decision === "deny" && reasons.length > 0) {
    if (reasons.every(({ code }) => identityCodes.has(code))) return { kind: "identity" };
    if (reasons.every((reason) => ofState(reason) || identityCodes.has(reason.code))) return { kind: "state" };
  }
  if (decision === "approval_needed" && reasons.some(ofState)) return { kind: "state" };
  return { kind: "judged", decision, overridden: false };
}

const mark = "[REDACTED:";
const mostRedactions = 1_000;

/** Why a record does not hold the whole call; undefined when it does, but for what detectors found in it. */
export function incompleteness({ arguments: recorded, redactions, destination, context }: DecisionData): string | undefined {
  if (Object.hasOwn(recorded, "aegis:omitted")) return "its arguments were too large to record";
  if (redactions.length >= mostRedactions) return "more was found in it than is recorded";
  if (destination?.url.includes(mark)) return "its destination was redacted";
  if (context.purpose?.includes(mark)) return "its purpose was redacted";
  if (redactions.some(({ pointer }) => pointer.includes(mark))) return "the name of a parameter was redacted";
  return undefined;
}

/**
 * The call as the policies saw it. What was found is taken from the recorded redactions; a token's scope, which is not recorded,
 * covers the call unless the record says that it did not.
 */
export function inputOf({ time, data }: RecordedDecision): EvaluationInput {
  const { principal, context, cost, destination, reasons } = data;
  const { tenant, agent, subject, chain, depth } = principal;
  const inScope = !reasons.some(({ code }) => code === "scope_missing");
  const drifted = reasons.some(({ code }) => code === "drift_detected");
  return {
    principal: { tenant, agent, subject, chain, depth, scope: inScope ? [scopeItem(data.tool, data.action)] : [] },
    tool: data.tool,
    action: data.action,
    arguments: data.arguments as JsonObject,
    ...(destination && { destination: { url: destination.url, method: destination.method } }),
    context: { purpose: context.purpose, promptId: context.promptId, sessionId: context.sessionId },
    ...(drifted && { drift: true }),
    ...(cost && { estimate: cost }),
    now: Date.parse(time),
    findings: data.redactions.map(findingOf),
  };
}

/** A scope that covers exactly this call; a colon inside a name is spelled `%3A`. */
export const scopeItem = (tool: string, action: string): string => `${tool.replaceAll(":", "%3A")}:${action.replaceAll(":", "%3A")}`;

const findingOf = ({ pointer, detector }: DecisionData["redactions"][number]): Finding => ({
  pointer,
  detector,
  start: 0,
  end: 0,
  inKey: false,
});
