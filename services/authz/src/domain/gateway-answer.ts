import type { Draft } from "./draft.ts";
import type { Unusable } from "./observed-request.ts";

/** What a gateway answers in the upstream's place. */
export interface GatewayRefusal {
  readonly status: 400 | 401 | 403 | 405 | 429 | 502;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Headers that tell the upstream and the agent which decision was made. */
export function decisionHeaders(draft: Draft): Record<string, string> {
  return {
    "x-aegis-decision": draft.decision,
    "x-aegis-decision-id": draft.id,
    "x-aegis-action-digest": draft.actionDigest,
    ...(draft.policy && {
      "x-aegis-policy-version": draft.policy.snapshot.version,
      "x-aegis-snapshot-digest": draft.policy.snapshot.digest,
    }),
    ...(draft.verdict?.ruleDigest !== undefined && { "x-aegis-rule-digest": draft.verdict.ruleDigest }),
  };
}

/** The refusal that a decision is; undefined when the call goes ahead. */
export function refusalOf(draft: Draft, statusUrl: (approvalId: string) => string): GatewayRefusal | undefined {
  const { decision, id, reasons, approval, retryAfter } = draft;
  if (decision === "allow" || decision === "sanitize") return undefined;
  const status = reasons[0]?.code === "token_expired" ? 401 : decision === "deny" && retryAfter !== undefined ? 429 : 403;
  return {
    status,
    headers: {
      ...decisionHeaders(draft),
      ...json,
      ...(retryAfter !== undefined && { "retry-after": String(Math.max(1, Math.ceil(retryAfter))) }),
      ...(status === 401 && challenge),
    },
    body: JSON.stringify({
      ...{ error: "PolicyViolation", decision, decision_id: id, reasons },
      ...(approval && { approval: { id: approval.id, status_url: statusUrl(approval.id), expires_at: approval.expiresAt } }),
      ...(retryAfter !== undefined && { retry_after: retryAfter }),
    }),
  };
}

/** The refusal of a request that no decision was made on. */
export function refusalOfUnusable({ status, message }: Pick<Unusable, "message"> & { status: GatewayRefusal["status"] }): GatewayRefusal {
  const code = status === 401 ? "unauthenticated" : "invalid_argument";
  return {
    status,
    headers: {
      ...json,
      "x-aegis-decision": "deny",
      ...(status === 401 && challenge),
      ...(status === 405 && { allow: "POST, DELETE" }),
    },
    body: JSON.stringify({ error: "PolicyViolation", decision: "deny", reasons: [{ code, message }] }),
  };
}

/** The refusal of an agent that may not act at all. */
export const refusalOfAgent = (reason: Draft["reasons"][number]): GatewayRefusal => ({
  status: reason.code === "token_expired" ? 401 : 403,
  headers: { ...json, "x-aegis-decision": "deny", ...(reason.code === "token_expired" && challenge) },
  body: JSON.stringify({ error: "PolicyViolation", decision: "deny", reasons: [reason] }),
});

const json = { "content-type": "application/json" };
const challenge = { "www-authenticate": 'Bearer error="invalid_token"' };
