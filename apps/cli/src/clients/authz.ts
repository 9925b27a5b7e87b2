import {
  AuthorizationService,
  type CheckResponse,
  type CostSchema,
  Decision,
  Outcome,
  type Reason,
} from "@aegis/contracts/aegis/authz/v1/authz";
import type { OutcomeName } from "@aegis/contracts/outcome-event";
import type { DecisionName } from "@aegis/contracts/reasons";
import { rpcClient } from "@aegis/rpc/client";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { Money } from "../commands/money.ts";
import type { Context } from "../context.ts";
import { explained } from "./control.ts";

export interface Call {
  token: string;
  tool: string;
  action: string;
  /** One JSON object, as written. */
  argumentsJson: string;
  override?: string | undefined;
  prompt?: string | undefined;
  session?: string | undefined;
  purpose?: string | undefined;
  reasoning?: string | undefined;
  url?: string | undefined;
  method?: string | undefined;
  dryRun?: boolean | undefined;
  requestId?: string | undefined;
  estimateMicroUsd?: bigint | undefined;
  estimateMoney?: Money | undefined;
  estimateTokens?: bigint | undefined;
}

interface NamedReason {
  code: string;
  message: string;
  pointer?: string;
  rule?: string;
}

/** A decision in the CLI's words. */
export interface CheckAnswer {
  decision: DecisionName | "unspecified";
  decisionId: string;
  /** What to send: the caller's own arguments, or the redacted ones when the decision is sanitize. */
  arguments: unknown;
  reasons: NamedReason[];
  redactions: { pointer: string; detector: string; count: number }[];
  approval?: { id: string; kind: string; statusUrl: string; expiresAt?: string };
  shadow?: { decision: string; reasons: NamedReason[] };
  budgets: { scope: string; unit: string; limit: number; remaining: number }[];
  obligations: { name: string; parameters: unknown }[];
  retryAfterMs?: number;
  policyVersion: string;
  snapshotDigest: string;
  ruleDigest: string;
  actionDigest: string;
}

const names: Readonly<Record<Decision, CheckAnswer["decision"]>> = {
  [Decision.UNSPECIFIED]: "unspecified",
  [Decision.ALLOW]: "allow",
  [Decision.DENY]: "deny",
  [Decision.SANITIZE]: "sanitize",
  [Decision.APPROVAL_NEEDED]: "approval_needed",
};

/** Asks authz once. A refusal is an answer; only a broken call throws. */
export async function checkCall(context: Context, call: Call): Promise<CheckAnswer> {
  const address = (await context.endpoints()).authz.grpc;
  using client = rpcClient(AuthorizationService, address, { deadlineMs: 15_000 });
  const response = await explained(
    "authz",
    client.check({
      agentToken: call.token,
      tool: call.tool,
      action: call.action,
      args: { case: "argumentsJson", value: Buffer.from(call.argumentsJson) },
      ...(call.url === undefined ? {} : { destination: { url: call.url, method: call.method ?? "" } }),
      context: {
        promptId: call.prompt ?? "",
        sessionId: call.session ?? "",
        purpose: call.purpose ?? "",
        reasoning: call.reasoning ?? "",
      },
      ...costOf("estimate", { microUsd: call.estimateMicroUsd, money: call.estimateMoney, tokens: call.estimateTokens }),
      overrideToken: call.override ?? "",
      dryRun: call.dryRun ?? false,
      requestId: call.requestId ?? "",
    }),
  );
  return answerOf(response, call.argumentsJson);
}

const outcomeNumbers = { executed: Outcome.EXECUTED, failed: Outcome.FAILED, rolled_back: Outcome.ROLLED_BACK } as const;

export interface OutcomeReport {
  token: string;
  decisionId: string;
  outcome: OutcomeName;
  error?: string | undefined;
  actualMicroUsd?: bigint | undefined;
  actualMoney?: Money | undefined;
  actualTokens?: bigint | undefined;
}

interface Amounts {
  microUsd: bigint | undefined;
  money: Money | undefined;
  tokens: bigint | undefined;
}

function costOf<K extends string>(name: K, { microUsd, money, tokens }: Amounts): { [key in K]?: MessageInitShape<typeof CostSchema> } {
  if (microUsd === undefined && money === undefined && tokens === undefined) return {};
  const inMoney = money && { currency: money.currency, micro: BigInt(money.micro) };
  const cost = { microUsd: microUsd ?? 0n, tokens: tokens ?? 0n, ...inMoney };
  return { [name]: cost } as { [key in K]?: typeof cost };
}

/** Says what became of an allowed call; gives the event's id. */
export async function reportOutcome(context: Context, report: OutcomeReport): Promise<string> {
  using client = rpcClient(AuthorizationService, (await context.endpoints()).authz.grpc, { deadlineMs: 15_000 });
  const answer = client.reportOutcome({
    agentToken: report.token,
    decisionId: report.decisionId,
    outcome: outcomeNumbers[report.outcome],
    error: report.error ?? "",
    ...costOf("actual", { microUsd: report.actualMicroUsd, money: report.actualMoney, tokens: report.actualTokens }),
  });
  return (await explained("authz", answer)).eventId;
}

function answerOf(response: CheckResponse, argumentsJson: string): CheckAnswer {
  const { approval, shadow, retryAfter } = response;
  const changed = response.argumentsJson.length > 0 ? Buffer.from(response.argumentsJson).toString("utf8") : argumentsJson;
  return {
    decision: names[response.decision] ?? "unspecified",
    decisionId: response.decisionId,
    arguments: JSON.parse(changed),
    reasons: response.reasons.map(reasonOf),
    redactions: response.redactions.map(({ pointer, detector, count }) => ({ pointer, detector, count })),
    ...(approval
      ? {
          approval: {
            id: approval.id,
            kind: approval.kind,
            statusUrl: approval.statusUrl,
            ...(approval.expiresAt ? { expiresAt: timestampDate(approval.expiresAt).toISOString() } : {}),
          },
        }
      : {}),
    ...(shadow ? { shadow: { decision: names[shadow.decision] ?? "unspecified", reasons: shadow.reasons.map(reasonOf) } } : {}),
    budgets: response.budgets.map(({ scope, unit, limit, remaining }) => ({
      scope,
      unit,
      limit: Number(limit),
      remaining: Number(remaining),
    })),
    obligations: response.obligations.map(({ name, parameters }) => ({ name, parameters: parameters ?? {} })),
    ...(retryAfter ? { retryAfterMs: Number(retryAfter.seconds) * 1_000 + retryAfter.nanos / 1e6 } : {}),
    policyVersion: response.policyVersion,
    snapshotDigest: response.snapshotDigest,
    ruleDigest: response.ruleDigest,
    actionDigest: response.actionDigest,
  };
}

const reasonOf = ({ code, message, pointer, rule }: Reason): NamedReason => ({
  code,
  message,
  ...(pointer === "" ? {} : { pointer }),
  ...(rule === "" ? {} : { rule }),
});
