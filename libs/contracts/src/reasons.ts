import { z } from "zod";

/** Why a decision came out as it did. Closed: a client may switch over it. */
export const reasonCodes = [
  "policy_missing",
  "policy_stale",
  "tool_not_allowed",
  "action_not_allowed",
  "explicitly_denied",
  "parameter_missing",
  "parameter_unknown",
  "parameter_type",
  "parameter_out_of_range",
  "parameter_not_in_set",
  "parameter_pattern",
  "condition_false",
  "purpose_not_allowed",
  "egress_blocked",
  "pii_found",
  "delegation_depth",
  "delegation_source",
  "scope_missing",
  "authorization_details_exceeded",
  "context_mismatch",
  "prompt_missing",
  "session_flow",
  "drift_detected",
  "approval_required",
  "approval_denied",
  "approval_expired",
  "override_invalid",
  "budget_exhausted",
  "rate_limited",
  "circuit_open",
  "retry_unchanged",
  "token_expired",
  "token_replayed",
  "agent_revoked",
  "agent_suspended",
  "revocation_stale",
  "audit_unavailable",
  "sanitize_unsupported",
  "internal",
] as const;

export type ReasonCode = (typeof reasonCodes)[number];

/** One named reason of a decision. */
export const reason = z.object({
  code: z.enum(reasonCodes),
  message: z.string(),
  /** JSON pointer (RFC 6901) into the arguments, when one of them is at fault. */
  pointer: z.string().optional(),
  /** "file:line" of the policy rule that says so. */
  rule: z.string().optional(),
});

export type Reason = z.infer<typeof reason>;

/** Refusals that say nothing of what an agent asked for, but of what could be given to anybody then. */
const notTheAgents: ReadonlySet<ReasonCode> = new Set([
  "budget_exhausted",
  "rate_limited",
  "audit_unavailable",
  "policy_stale",
  "revocation_stale",
  "session_flow",
  "sanitize_unsupported",
  "internal",
]);

/** Whether a refusal counts against the agent: a breaker opens by those. A call that was refused while paused proves nothing new. */
export const agentsFault = (reasons: readonly Pick<Reason, "code">[]): boolean =>
  reasons.some(({ code }) => !notTheAgents.has(code)) && reasons.every(({ code }) => code !== "circuit_open");

/** The four answers, as they are spelled in events, subjects and the CLI. */
export const decisions = ["allow", "deny", "sanitize", "approval_needed"] as const;

export type DecisionName = (typeof decisions)[number];
