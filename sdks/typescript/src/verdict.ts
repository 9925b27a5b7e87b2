import type { CheckResponse } from "@aegis/contracts/aegis/authz/v1/authz";
import { Decision } from "@aegis/contracts/aegis/authz/v1/authz";
import type { DecisionName } from "@aegis/contracts/reasons";

/** One reason of an answer. `code` is one of a closed list. */
export interface VerdictReason {
  readonly code: string;
  readonly message: string;
  readonly pointer: string;
  readonly rule: string;
}

/** The answer to one call. */
export interface Verdict {
  readonly decision: DecisionName;
  readonly decisionId: string;
  readonly reasons: readonly VerdictReason[];
  /** What to send instead of the arguments asked about; present when the decision is `sanitize`. */
  readonly arguments: Readonly<Record<string, unknown>> | undefined;
  readonly redactions: readonly { readonly pointer: string; readonly detector: string; readonly count: number }[];
  readonly approval: { readonly id: string; readonly statusUrl: string; readonly expiresAt: Date | undefined } | undefined;
  readonly shadow: { readonly decision: DecisionName; readonly reasons: readonly VerdictReason[] } | undefined;
  /** Names of what the executor must do; not knowing one means: do not execute. */
  readonly obligations: readonly string[];
  readonly retryAfterMs: number | undefined;
  readonly policyVersion: string;
  readonly actionDigest: string;
}

/**
 * Reads a wire answer. An answer this client does not understand is a refusal:
 * an unknown decision, or a `sanitize` without the arguments to send.
 */
export function verdictOf(response: CheckResponse): Verdict {
  const sanitized =
    response.argumentsJson.length > 0
      ? (JSON.parse(new TextDecoder().decode(response.argumentsJson)) as Record<string, unknown>)
      : undefined;
  const decision = nameOf(response.decision);
  return {
    decision: decision === "sanitize" && sanitized === undefined ? "deny" : decision,
    decisionId: response.decisionId,
    reasons: response.reasons.map(reasonOf),
    arguments: sanitized,
    redactions: response.redactions.map(({ pointer, detector, count }) => ({ pointer, detector, count })),
    approval: response.approval && {
      id: response.approval.id,
      statusUrl: response.approval.statusUrl,
      expiresAt: response.approval.expiresAt && new Date(Number(response.approval.expiresAt.seconds) * 1000),
    },
    shadow: response.shadow && { decision: nameOf(response.shadow.decision), reasons: response.shadow.reasons.map(reasonOf) },
    obligations: response.obligations.map((obligation) => obligation.name),
    retryAfterMs: response.retryAfter && Number(response.retryAfter.seconds) * 1000 + response.retryAfter.nanos / 1e6,
    policyVersion: response.policyVersion,
    actionDigest: response.actionDigest,
  };
}

function nameOf(decision: Decision): DecisionName {
  switch (decision) {
    case Decision.ALLOW:
      return "allow";
    case Decision.SANITIZE:
      return "sanitize";
    case Decision.APPROVAL_NEEDED:
      return "approval_needed";
    default:
      return "deny";
  }
}

const reasonOf = ({ code, message, pointer, rule }: VerdictReason): VerdictReason => ({ code, message, pointer, rule });
