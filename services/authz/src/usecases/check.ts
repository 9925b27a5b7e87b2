import { actionDigest } from "@aegis/canonical/digest";
import type { CheckRequest } from "@aegis/contracts/aegis/authz/v1/authz";
import type { DecisionData } from "@aegis/contracts/decision-event";
import { AegisError } from "@aegis/contracts/errors";
import { maxArgumentsBytes } from "@aegis/contracts/names";
import type { Reason } from "@aegis/contracts/reasons";
import { subject } from "@aegis/contracts/subjects";
import { detectorNames, type Finding, type Looking, scan } from "@aegis/dlp/detect";
import type { AgentClaims } from "@aegis/identity/claims";
import type { SessionFacts, Verdict } from "@aegis/policy/input";
import { RecentAnswers } from "#domain/answers.ts";
import { type Call, parseCall } from "#domain/call.ts";
import { type Capabilities, refuseIncapable } from "#domain/capabilities.ts";
import { type Judgement, judge } from "#domain/decide.ts";
import { boundReasons, type Draft, reasonsAfterApproval, sanitize } from "#domain/draft.ts";
import { decisionEventOf } from "#domain/event.ts";
import type { FailedCalls } from "#domain/failed-calls.ts";
import type { ActivePolicy } from "#domain/policies.ts";
import { boundContext, principalOf } from "#domain/principal.ts";
import type { Revocations } from "#domain/revocations.ts";
import { sizeUpTo } from "#domain/size.ts";
import type { AuthenticateAgent, Presented } from "./authenticate.ts";
import type { Approvals, Budget, CheckSignals, Clock, EventLog, HashKeyOf, Hold, NewId, Rates, Sessions } from "./ports.ts";
import type { RecentDecisions } from "./recent-decisions.ts";
import { mostTries, type RecordInSession, seenBy } from "./session-facts.ts";
import { setAside } from "./set-aside.ts";
import { Turns } from "./turns.ts";

/** How the call reached us. */
export interface Caller extends Presented {
  readonly traceparent: string | undefined;
  /** Milliseconds on the monotonic clock when the call arrived. */
  readonly arrived: number;
  readonly pep: DecisionData["pep"];
  /** What the enforcement point can do, where not everything. */
  readonly can?: Capabilities;
}

export interface CheckPorts {
  readonly authenticate: AuthenticateAgent;
  readonly revocations: Revocations;
  readonly policyOf: (tenant: string) => ActivePolicy | undefined;
  readonly log: EventLog;
  readonly budget: Budget;
  readonly rates: Rates;
  readonly sessions: Sessions;
  readonly approvals: Approvals;
  readonly recent: RecentDecisions;
  readonly failed: FailedCalls;
  readonly hashKeyOf: HashKeyOf;
  readonly newId: NewId;
  readonly clock: Clock;
  /** Milliseconds on the monotonic clock. */
  readonly monotonic: () => number;
  readonly signals: CheckSignals;
}

/**
 * Decides one call. A refusal is an answer; what throws is a broken call.
 *
 * @throws AegisError `unauthenticated` for a token that does not verify, `invalid_argument` for a malformed call.
 */
export type Check = (request: CheckRequest, caller: Caller) => Promise<Draft>;

/** A call on its way to a decision. */
interface Work {
  readonly id: string;
  readonly call: Call;
  readonly claims: AgentClaims;
  readonly expired: boolean;
  readonly base: Pick<Draft, "id" | "principal" | "call" | "actionDigest">;
  readonly findings: readonly Finding[];
  readonly looking: Looking;
  readonly now: Date;
  readonly caller: Caller;
}

/** A decision with what it holds until it is durable. */
interface Decided {
  readonly draft: Draft;
  readonly hold?: Hold | undefined;
}

/** Of the calls of each session. */
const turns = new Turns();

/** How long a T0 decision may wait for JetStream. */
const acknowledgeMs = 2_000;

export function checkCall(ports: CheckPorts): Check {
  const answers = new RecentAnswers<Promise<Draft>>();
  return async (request, caller) => {
    const { claims, expired, refusal } = await ports.authenticate(request, caller);
    const call = parseCall(request);
    const work = prepareWork(ports, call, claims, expired, caller);
    // Whoever replays a proof must not be told what was answered to its owner.
    if (refusal !== undefined || call.requestId === undefined) return decideAndRecord(ports, work, refusal);
    const key = JSON.stringify([
      claims.tenant,
      claims.client_id,
      call.requestId,
      work.base.actionDigest,
      call.overrideToken ?? "",
      call.dryRun,
    ]);
    const now = work.now.getTime();
    const known = answers.get(key, now);
    if (known) return known;
    const answer = decideAndRecord(ports, work);
    answers.set(key, answer, now, 1024 + 2 * sizeUpTo(call.arguments, maxArgumentsBytes));
    // What could not be recorded was not decided: the next try may do better.
    const forget = () => answers.forget(key, answer);
    answer.then((draft) => mayDoBetter(draft) && forget(), forget);
    return answer;
  };
}

/** What could not be recorded, or be told of a session. */
const mayDoBetter = ({ reasons, retryAfter }: Draft): boolean =>
  reasons.some(({ code }) => code === "audit_unavailable" || (code === "session_flow" && retryAfter !== undefined));

function prepareWork(ports: CheckPorts, call: Call, claims: AgentClaims, expired: boolean, caller: Caller): Work {
  const principal = principalOf(claims);
  const { tenant, agent } = principal;
  const digest = actionDigest({
    tenant,
    agent,
    tool: call.tool,
    action: call.action,
    arguments: call.arguments,
    destination: call.destination,
  });
  const id = ports.newId();
  const looking = ports.policyOf(tenant)?.snapshot.everyDetector ?? detectorNames;
  return {
    id,
    call,
    claims,
    expired,
    base: { id, principal, call, actionDigest: digest },
    findings: scan(call.arguments, looking),
    looking,
    now: ports.clock.now(),
    caller,
  };
}

async function decideAndRecord(ports: CheckPorts, work: Work, refusal?: Reason): Promise<Draft> {
  const { log } = ports;
  const state = log.state();
  const draft =
    state === "deny" || state === "dead"
      ? deny(work, { code: "audit_unavailable", message: "decisions cannot be recorded now" })
      : await record(ports, work, refusal === undefined ? await decide(ports, work) : { draft: deny(work, refusal) });
  const seconds = (ports.monotonic() - work.caller.arrived) / 1000;
  const { shadow } = draft.verdict ?? {};
  ports.signals.decided(draft.decision, draft.reasons[0]?.code, seconds, { shadow: shadow?.decision, dryRun: work.call.dryRun });
  return draft;
}

async function decide(ports: CheckPorts, work: Work): Promise<Decided> {
  const judgement = judged(ports, work);
  if (judgement.kind === "refused") return refuse(work, judgement);
  const { snapshot } = judgement.policy;
  const { chain } = work.base.principal;
  if (snapshot.sessionDuty(chain, work.call.tool, work.call.action) === "none")
    return (await proceed(ports, work, judgement)) ?? refuseOvertaken(work);
  return turns.take(sessionKey(work), () => decideInSession(ports, work, judgement));
}

/** One decision at a time in a session: what it lets through is recorded before it is answered, and seen by the next one on any replica. */
async function decideInSession(ports: CheckPorts, work: Work, first: Judged): Promise<Decided> {
  const { tenant, chain } = work.base.principal;
  const call = { tenant, chain, tool: work.call.tool, action: work.call.action, session: contextOf(work).sessionId };
  for (let tries = 0; tries < mostTries; tries++) {
    const seen = await seenBy(ports.sessions, call, first.policy.snapshot);
    if (seen.kind === "refused") {
      const own = first.verdict.decision === "deny" ? first.verdict.reasons : [];
      const draft = { ...deny(work, ...own, seen.reason), policy: first.policy, verdict: first.verdict, retryAfter: seen.retryAfter };
      return { draft };
    }
    const judgement = judged(ports, work, seen.facts);
    if (judgement.kind === "refused") return refuse(work, judgement);
    const decided = await proceed(ports, work, judgement, seen.record);
    if (decided !== undefined) return decided;
  }
  return refuseOvertaken(work, first.policy);
}

type Judged = Judgement & { kind: "judged" };

function judged(ports: CheckPorts, work: Work, session?: SessionFacts): Judgement {
  const { claims, expired, findings, base, call } = work;
  const { principal } = base;
  const { revocations } = ports;
  const active = ports.policyOf(principal.tenant);
  return judge(call, { claims, principal, expired, revocations, active, findings, session, now: work.now.getTime() });
}

const refuse = (work: Work, { reason, policy }: Judgement & { kind: "refused" }): Decided => ({ draft: { ...deny(work, reason), policy } });

const refuseOvertaken = (work: Work, policy?: ActivePolicy): Decided => {
  const message = "the session is used by too many calls at once: what was seen in it cannot be told";
  return { draft: { ...deny(work, { code: "session_flow", message }), policy, retryAfter: 1 } };
};

/** From the verdict to the decision; undefined when another call of the session was let through meanwhile. */
async function proceed(ports: CheckPorts, work: Work, { verdict, policy }: Judged, record?: RecordInSession): Promise<Decided | undefined> {
  const { call } = work;
  const judged = { policy, verdict };
  if (verdict.decision === "deny") return { draft: { ...deny(work, ...verdict.reasons), ...judged } };
  const again = refuseIncapable(work.caller.can, verdict) ?? tooOften(ports, work, policy);
  if (again) return { draft: { ...deny(work, again), ...judged } };
  if (verdict.durability === "T0" && !call.dryRun && verdict.decision !== "approval_needed" && !ports.log.publishing())
    return { draft: { ...deny(work, notAcknowledged), ...judged } };
  if (verdict.decision === "approval_needed" && (call.overrideToken === undefined || call.dryRun || !verdict.overridable))
    return { draft: { ...askForApproval(ports, work, verdict), ...judged } };
  return goAhead(ports, work, verdict, policy, record);
}

const contextOf = (work: Work) => boundContext(work.claims, work.call.context);

const sessionKey = (work: Work): string => JSON.stringify([work.base.principal.tenant, contextOf(work).sessionId ?? work.id]);

/** What failed again and again is not tried once more as it is. */
function tooOften(ports: CheckPorts, work: Work, { snapshot }: ActivePolicy): Reason | undefined {
  const { retryUnchanged, rule } = snapshot.governance;
  if (retryUnchanged === undefined) return undefined;
  const { principal, actionDigest } = work.base;
  const times = ports.failed.times({ tenant: principal.tenant, agent: principal.agent, actionDigest }, work.now.getTime());
  if (times <= retryUnchanged) return undefined;
  const message = `exactly this call failed ${times} times within the last hour: change it before it is tried again`;
  return { code: "retry_unchanged", message, ...(rule !== undefined && { rule }) };
}

/** Nothing but rates and budgets, and an approval if one is needed, stands in the way. */
async function goAhead(
  ports: CheckPorts,
  work: Work,
  judgedAs: Verdict,
  policy: ActivePolicy,
  record?: RecordInSession,
): Promise<Decided | undefined> {
  const { call, base } = work;
  const { tenant } = base.principal;
  const sanitized = sanitize(call, judgedAs, ports.hashKeyOf(tenant));
  let [verdict, hold]: [Verdict, Hold | undefined] = [judgedAs, undefined];
  if (!call.dryRun && (verdict.charges.length > 0 || verdict.rates.length > 0)) {
    const approved = call.overrideToken !== undefined;
    const aside = await setAside(ports, { tenant, decisionId: work.id, approved }, verdict);
    const budgets = () => ports.budget.view(tenant, verdict.charges);
    if (aside.kind === "asks")
      return { draft: { ...askForApproval(ports, work, aside.verdict), policy, verdict: aside.verdict, budgets: budgets() } };
    if (aside.kind === "refused")
      return { draft: { ...deny(work, aside.reason), policy, verdict, retryAfter: aside.retryAfter, budgets: budgets() } };
    [verdict, hold] = [aside.verdict, aside.hold];
  }
  const judged = { policy, verdict };
  if (record !== undefined && !call.dryRun) {
    const recorded = await record();
    if (recorded.kind !== "recorded") hold?.giveBack();
    if (recorded.kind === "overtaken") return undefined;
    if (recorded.kind === "refused") return { draft: { ...deny(work, recorded.reason), ...judged, retryAfter: recorded.retryAfter } };
  }
  let overrideOf: string | undefined;
  if (verdict.decision === "approval_needed") {
    const redeemed = await redeem(ports, work, verdict);
    if (!redeemed.ok) {
      hold?.giveBack();
      return { draft: { ...deny(work, { code: "override_invalid", message: redeemed.message }), ...judged } };
    }
    overrideOf = redeemed.approvalId;
  }
  const draft: Draft = {
    ...base,
    ...judged,
    decision: sanitized ? "sanitize" : "allow",
    reasons: boundReasons(overrideOf === undefined ? verdict.reasons : reasonsAfterApproval(verdict)),
    overrideOf,
    sanitized,
    reservations: hold?.reservations ?? [],
    budgets: ports.budget.view(tenant, verdict.charges),
  };
  return { draft, hold };
}

function redeem(ports: CheckPorts, work: Work, verdict: Verdict) {
  const { principal } = work.base;
  return ports.approvals.redeem({
    overrideToken: work.call.overrideToken ?? "",
    tenant: principal.tenant,
    agent: principal.agent,
    instance: principal.instance,
    actionDigest: work.base.actionDigest,
    ruleDigest: verdict.ruleDigest ?? "",
    decisionId: work.id,
  });
}

function askForApproval(ports: CheckPorts, work: Work, verdict: Verdict): Draft {
  const need = verdict.approval ?? { queue: "default", quorum: 1, expiresSeconds: 1800 };
  const expiresAt = new Date(work.now.getTime() + need.expiresSeconds * 1000).toISOString();
  return {
    ...deny(work, ...verdict.reasons),
    decision: "approval_needed",
    // A dry run asks nobody for anything.
    approval: work.call.dryRun ? undefined : { id: ports.newId(), queue: need.queue, quorum: need.quorum, expiresAt },
  };
}

const notAcknowledged: Reason = {
  code: "audit_unavailable",
  message: "this action needs its record replicated first, and that is not possible now",
};

function deny(work: Work, ...reasons: readonly Reason[]): Draft {
  return { ...work.base, decision: "deny", reasons: boundReasons(reasons), reservations: [], budgets: [] };
}

/** Makes the decision durable. What cannot be recorded is denied, and gives back what it held. */
async function record(ports: CheckPorts, work: Work, { draft, hold }: Decided): Promise<Draft> {
  const { log } = ports;
  const { principal } = draft;
  const goes = draft.decision === "allow" || draft.decision === "sanitize";
  const durability = goes && !work.call.dryRun ? (draft.verdict?.durability ?? "T1") : "T2";
  const stored = durability === "T0" ? log.acknowledged(draft.id, acknowledgeMs) : undefined;
  const { tenant, agent } = principal;
  try {
    const make = decisionEventOf(draft, {
      source: log.source,
      time: work.now.toISOString(),
      traceparent: work.caller.traceparent,
      findings: work.findings,
      looking: work.looking,
      context: contextOf(work),
      latencyMs: Math.round((ports.monotonic() - work.caller.arrived) * 1000) / 1000,
      pep: work.caller.pep,
      shed: log.state() === "shed",
    });
    await log.append({ id: draft.id, subject: subject("decision", { tenant, agent, decision: draft.decision }), make }, goes ? "T1" : "T2");
  } catch (error) {
    hold?.giveBack();
    ports.signals.unrecorded(draft.id, error);
    return deny(work, { code: "audit_unavailable", message: AegisError.from(error).message });
  }
  hold?.commit();
  if (goes) ports.recent.remember(draft, work.now.getTime());
  if (stored === undefined || (await stored)) return draft;
  await ports.recent
    .withdraw(draft, "its record was not replicated in time")
    .catch((error: unknown) => ports.signals.unrecorded(draft.id, error));
  return { ...deny(work, notAcknowledged), id: draft.id, policy: draft.policy, verdict: draft.verdict };
}
