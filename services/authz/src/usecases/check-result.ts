import { actionDigest } from "@aegis/canonical/digest";
import { assertIJson, type JsonValue, parseIJsonValue } from "@aegis/canonical/ijson";
import type { CheckResultRequest } from "@aegis/contracts/aegis/authz/v1/authz";
import { AegisError } from "@aegis/contracts/errors";
import type { DecisionName, Reason } from "@aegis/contracts/reasons";
import { detectorNames, scan } from "@aegis/dlp/detect";
import { type Redaction, redact } from "@aegis/dlp/redact";
import type { AgentClaims } from "@aegis/identity/claims";
import { type Call, parseCall } from "#domain/call.ts";
import { refuseToken } from "#domain/decide.ts";
import { boundReasons, type Draft } from "#domain/draft.ts";
import { type ActivePolicy, usablePolicy } from "#domain/policies.ts";
import { boundContext, principalOf } from "#domain/principal.ts";
import { appendDecision } from "./append-decision.ts";
import type { CheckPorts } from "./check.ts";
import { mostTries, overtaken, seenBy } from "./session-facts.ts";
import type { Caller } from "./work.ts";

type Ports = Pick<
  CheckPorts,
  | "authenticate"
  | "revocations"
  | "policyOf"
  | "log"
  | "sessions"
  | "recent"
  | "hashKeyOf"
  | "subjectKeys"
  | "newId"
  | "clock"
  | "monotonic"
  | "signals"
>;

/** A tool's answer: as text, or as some decoder read it. */
export interface ResultRequest extends Pick<CheckResultRequest, "agentToken" | "decisionId" | "tool" | "action" | "context"> {
  readonly content: Uint8Array | { readonly value: unknown } | undefined;
}

/** What becomes of a tool's answer. */
export interface ResultDecision {
  readonly draft: Draft;
  /** What is now known of the session. */
  readonly labels: readonly string[];
  /** What the agent may see instead, when the decision is `sanitize`. */
  readonly result?: { readonly value: JsonValue; readonly redactions: readonly Redaction[] };
}

/**
 * Decides whether an agent may see what a tool answered, and what of it. A refusal is an answer; what throws is a broken request.
 *
 * @throws AegisError `unauthenticated`, `invalid_argument`, `permission_denied` for an answer to somebody else's call.
 */
export type CheckResult = (request: ResultRequest, caller: Caller) => Promise<ResultDecision>;

interface Work {
  readonly id: string;
  readonly call: Call;
  readonly result: JsonValue;
  readonly decisionId: string;
  readonly claims: AgentClaims;
  readonly expired: boolean;
  readonly now: Date;
  readonly caller: Caller;
}

type Judged = Pick<ResultDecision, "labels" | "result"> & {
  readonly decision: DecisionName;
  readonly reasons: readonly Reason[];
  readonly policy?: ActivePolicy;
};

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

export function checkResult(ports: Ports): CheckResult {
  return async (request, caller) => {
    const { claims, expired, refusal } = await ports.authenticate(request, caller);
    const now = ports.clock.now();
    if (!uuid.test(request.decisionId)) throw new AegisError("invalid_argument", "decision_id is not a UUID in lower case");
    const { tenant, client_id: agent } = claims;
    const decision = ports.recent.find(request.decisionId, now.getTime());
    if (decision && (decision.tenant !== tenant || decision.agent !== agent))
      throw new AegisError("permission_denied", "this decision was made for another agent");
    const result = resultOf(request);
    const { tool, action, context } = request;
    const asked = parseCall({
      ...{ tool, action, args: { case: undefined }, overrideToken: "", dryRun: false, requestId: "" },
      ...(context && { context }),
    });
    const call: Call = { ...asked, arguments: Object.assign(Object.create(null), { result }) };
    const work = { id: ports.newId(), call, result, decisionId: request.decisionId, claims, expired, now, caller };
    const judged = refusal === undefined ? await judge(ports, work) : refused(refusal);
    const recorded = await record(ports, work, judged);
    const seconds = (ports.monotonic() - caller.arrived) / 1000;
    ports.signals.decided(recorded.draft.decision, recorded.draft.reasons[0]?.code, seconds, { shadow: undefined, dryRun: false });
    return recorded;
  };
}

function resultOf({ content }: ResultRequest): JsonValue {
  if (content === undefined) throw new AegisError("invalid_argument", "result is missing");
  return content instanceof Uint8Array ? parseIJsonValue(content) : (assertIJson({ result: content.value }).result as JsonValue);
}

async function judge(ports: Ports, work: Work): Promise<Judged> {
  const { claims, call, result } = work;
  const principal = principalOf(claims);
  const { tenant, agent } = principal;
  const now = work.now.getTime();
  const state = ports.log.state();
  if (state === "deny" || state === "dead") return refused({ code: "audit_unavailable", message: "decisions cannot be recorded now" });
  const { tool, action, context } = call;
  const refusal = refuseToken({ tool, action, context }, { claims, principal, expired: work.expired, revocations: ports.revocations, now });
  if (refusal) return refused(refusal);
  const policy = usablePolicy(ports.policyOf(tenant), now);
  if ("code" in policy) return refused(policy);
  const { snapshot } = policy;
  const duties = snapshot.resultRules(agent, call.tool, call.action);
  const asked = snapshot.sessionDuty(principal.chain, call.tool, call.action) !== "none";
  const lost = asked ? await label(ports, work, policy) : undefined;
  if (lost) return { ...refused(lost), policy };
  const { denied, reasons, redactions } = duties.judge(scan(result, duties.detectors));
  const { labels } = duties;
  if (denied) return { decision: "deny", reasons, labels, policy };
  if (redactions.length === 0) return { decision: "allow", reasons, labels, policy };
  return { decision: "sanitize", reasons, labels, policy, result: redact(result, redactions, { hashKey: ports.hashKeyOf(tenant) }) };
}

const refused = (reason: Reason): Judged => ({ decision: "deny", reasons: [reason], labels: [] });

/** The call was made: its labels hold, also where nobody asked before it was. */
async function label({ sessions }: Ports, { claims, call }: Work, { snapshot }: ActivePolicy): Promise<Reason | undefined> {
  const { tenant, chain } = principalOf(claims);
  const session = boundContext(claims, call.context).sessionId;
  for (let tries = 0; tries < mostTries; tries++) {
    const seen = await seenBy(sessions, { tenant, chain, tool: call.tool, action: call.action, session }, snapshot);
    if (seen.kind === "refused") return seen.reason;
    const recorded = (await seen.record?.()) ?? { kind: "recorded" };
    if (recorded.kind === "recorded") return undefined;
    if (recorded.kind === "refused") return recorded.reason;
  }
  return overtaken;
}

/** Makes the decision durable. What cannot be recorded is denied. */
async function record(ports: Ports, work: Work, judged: Judged): Promise<ResultDecision> {
  const { call, claims, id } = work;
  const principal = principalOf(claims);
  const { tenant, agent } = principal;
  const { decision, reasons, labels, policy, result } = judged;
  const { tool, action, arguments: args } = call;
  const draft: Draft = {
    ...{ id, decision, reasons: boundReasons(reasons), principal, call, policy, reservations: [], budgets: [] },
    actionDigest: actionDigest({ tenant, agent, tool, action, arguments: args, destination: undefined }),
    resultOf: work.decisionId,
  };
  const looking = policy?.snapshot.everyDetector ?? detectorNames;
  try {
    const { now, caller } = work;
    await appendDecision(ports, draft, {
      now,
      caller,
      findings: scan(args, looking),
      looking,
      context: boundContext(claims, call.context),
    });
    return { draft, labels, ...(result && { result }) };
  } catch (error) {
    ports.signals.unrecorded(id, error);
    const reason: Reason = { code: "audit_unavailable", message: AegisError.from(error).message };
    return { draft: { ...draft, decision: "deny", reasons: [reason] }, labels: [] };
  }
}
