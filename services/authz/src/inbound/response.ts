import { type CheckResponseSchema, type CheckResultResponseSchema, Decision } from "@aegis/contracts/aegis/authz/v1/authz";
import type { DecisionName, Reason } from "@aegis/contracts/reasons";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Draft } from "#domain/draft.ts";
import type { ResultDecision } from "#usecases/check-result.ts";

type CheckResponse = MessageInitShape<typeof CheckResponseSchema>;

const decisions: Readonly<Record<DecisionName, Decision>> = {
  allow: Decision.ALLOW,
  deny: Decision.DENY,
  sanitize: Decision.SANITIZE,
  approval_needed: Decision.APPROVAL_NEEDED,
};

/** A decision as the caller sees it. */
export function checkResponse(draft: Draft, statusUrl: (approvalId: string) => string): CheckResponse {
  const { verdict, policy, approval, sanitized } = draft;
  const goesAhead = draft.decision === "allow" || draft.decision === "sanitize";
  return {
    decision: decisions[draft.decision],
    decisionId: draft.id,
    reasons: draft.reasons.map(reasonOf),
    ...(sanitized && { argumentsJson: Buffer.from(JSON.stringify(sanitized.arguments)), redactions: [...sanitized.redactions] }),
    ...(approval && {
      approval: { id: approval.id, kind: "step_up", statusUrl: statusUrl(approval.id), expiresAt: timestamp(approval.expiresAt) },
    }),
    ...(verdict?.shadow && { shadow: { decision: decisions[verdict.shadow.decision], reasons: verdict.shadow.reasons.map(reasonOf) } }),
    budgets: draft.budgets.map(({ scope, unit, limit, remaining }) => ({
      scope,
      unit,
      limit: BigInt(limit),
      remaining: BigInt(remaining),
    })),
    obligations: goesAhead ? (verdict?.obligations ?? []).map((name) => ({ name })) : [],
    ...(draft.retryAfter !== undefined && { retryAfter: { seconds: BigInt(draft.retryAfter) } }),
    policyVersion: policy?.snapshot.version ?? "",
    snapshotDigest: policy?.snapshot.digest ?? "",
    ruleDigest: verdict?.ruleDigest ?? "",
    actionDigest: draft.actionDigest,
  };
}

/** A decision on an answer as the caller sees it. The labels are facts of the session. */
export function checkResultResponse({ draft, labels, result }: ResultDecision): MessageInitShape<typeof CheckResultResponseSchema> {
  return {
    decision: decisions[draft.decision],
    decisionId: draft.id,
    reasons: draft.reasons.map(reasonOf),
    ...(result && { resultJson: Buffer.from(JSON.stringify(result.value)), redactions: [...result.redactions] }),
    labels: [...labels],
    policyVersion: draft.policy?.snapshot.version ?? "",
    snapshotDigest: draft.policy?.snapshot.digest ?? "",
  };
}

const reasonOf = ({ code, message, pointer, rule }: Reason) => ({ code, message, pointer: pointer ?? "", rule: rule ?? "" });

function timestamp(time: string) {
  const milliseconds = Date.parse(time);
  return { seconds: BigInt(Math.floor(milliseconds / 1000)), nanos: (milliseconds % 1000) * 1e6 };
}
