import { actionDigest } from "@aegis/canonical/digest";
import type { CheckRequest } from "@aegis/contracts/aegis/authz/v1/authz";
import { AegisError } from "@aegis/contracts/errors";
import { maxArgumentsBytes } from "@aegis/contracts/names";
import type { Reason } from "@aegis/contracts/reasons";
import { detectorNames, scan } from "@aegis/dlp/detect";
import type { AgentClaims } from "@aegis/identity/claims";
import type { SessionFacts } from "@aegis/policy/input";
import { RecentAnswers } from "#domain/answers.ts";
import { type Call, parseCall } from "#domain/call.ts";
import { type Judgement, judge, refuseToken } from "#domain/decide.ts";
import type { Draft } from "#domain/draft.ts";
import type { ActivePolicy } from "#domain/policies.ts";
import { principalOf } from "#domain/principal.ts";
import type { Revocations } from "#domain/revocations.ts";
import { sizeUpTo } from "#domain/size.ts";
import { type AppendPorts, appendDecision } from "./append-decision.ts";
import type { AuthenticateAgent } from "./authenticate.ts";
import { streakOf } from "./pass-breakers.ts";
import type { CheckSignals, Clock, OtherReplicas, Sessions } from "./ports.ts";
import { type Judged, type ProceedPorts, proceed } from "./proceed.ts";
import type { RecentDecisions } from "./recent-decisions.ts";
import { mostTries, overtaken, seenBy } from "./session-facts.ts";
import { Turns } from "./turns.ts";
import { type Caller, contextOf, type Decided, deny, notAcknowledged, type Work } from "./work.ts";

export interface CheckPorts extends ProceedPorts, AppendPorts {
  readonly authenticate: AuthenticateAgent;
  readonly revocations: Revocations;
  readonly sessions: Sessions;
  readonly recent: RecentDecisions;
  readonly otherReplicas: OtherReplicas;
  readonly clock: Clock;
  readonly signals: CheckSignals;
}

/**
 * Decides one call. A refusal is an answer; what throws is a broken call.
 *
 * @throws AegisError `unauthenticated` for a token that does not verify, `invalid_argument` for a malformed call.
 */
export type Check = (request: CheckRequest, caller: Caller) => Promise<Draft>;

/** How long a T0 decision may wait for JetStream. */
const acknowledgeMs = 2_000;

export function checkCall(ports: CheckPorts): Check {
  const answers = new RecentAnswers<Promise<Draft>>();
  const turns = new Turns();
  return async (request, caller) => {
    const { claims, expired, refusal } = await ports.authenticate(request, caller);
    caller.stage?.("authenticate");
    const call = parseCall(request);
    const work = prepareWork(ports, call, claims, expired, caller);
    caller.stage?.("detect");
    // Neither who replays a proof nor a token that is not good for the call, any more, is told what was answered before.
    if (call.requestId === undefined || refusal !== undefined || refuseToken(call, tokenFacts(ports, work)) !== undefined)
      return decideAndRecord(ports, turns, work, refusal);
    const key = questionOf(work);
    const now = work.now.getTime();
    const known = answers.get(key, now);
    if (known) return known;
    const answer = decideAndRecord(ports, turns, work);
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

/** Whatever an answer depends on, but for what changes with time. A newer token of the same kind asks the same. */
function questionOf(work: Work): string {
  const { call, claims, base } = work;
  const { tenant, agent, subject, chain } = base.principal;
  const { sessionId, promptId, purpose } = contextOf(work);
  return JSON.stringify([
    ...[tenant, agent, subject, chain, claims.scope, claims.fpr, call.fingerprint, sessionId, promptId, purpose],
    ...[call.requestId, base.actionDigest, call.estimate, call.overrideToken ?? "", call.dryRun],
  ]);
}

function prepareWork(ports: CheckPorts, call: Call, claims: AgentClaims, expired: boolean, caller: Caller): Work {
  const principal = principalOf(claims, caller.subject);
  const { tenant, agent } = principal;
  const digest = actionDigest({
    tenant,
    agent,
    tool: call.tool,
    action: call.action,
    arguments: call.arguments,
    destination: call.destination,
    subject: caller.subject,
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

async function decideAndRecord(ports: CheckPorts, turns: Turns, work: Work, refusal?: Reason): Promise<Draft> {
  const { log } = ports;
  const state = log.state();
  const draft =
    state === "deny" || state === "dead"
      ? deny(work, { code: "audit_unavailable", message: "decisions cannot be recorded now" })
      : await record(ports, work, refusal === undefined ? await decide(ports, turns, work) : { draft: deny(work, refusal) });
  const seconds = (ports.monotonic() - work.caller.arrived) / 1000;
  const { shadow } = draft.verdict ?? {};
  if (!work.call.dryRun && draft.policy?.snapshot.governance.breaker !== undefined) {
    const { tenant, agent } = work.base.principal;
    const row = ports.streaks.decided(streakOf(tenant, agent), draft.decision, draft.reasons, work.now.getTime());
    if (row !== undefined) ports.otherReplicas.streak(tenant, agent, row);
  }
  ports.signals.decided(draft.decision, draft.reasons[0]?.code, seconds, { shadow: shadow?.decision, dryRun: work.call.dryRun });
  return draft;
}

async function decide(ports: CheckPorts, turns: Turns, work: Work): Promise<Decided> {
  const judgement = judged(ports, work);
  work.caller.stage?.("evaluate");
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
    work.caller.stage?.("evaluate");
    if (judgement.kind === "refused") return refuse(work, judgement);
    const decided = await proceed(ports, work, judgement, seen.record);
    if (decided !== undefined) return decided;
  }
  return refuseOvertaken(work, first.policy);
}

function judged(ports: CheckPorts, work: Work, session?: SessionFacts): Judgement {
  const active = ports.policyOf(work.base.principal.tenant);
  return judge(work.call, { ...tokenFacts(ports, work), active, findings: work.findings, session });
}

const tokenFacts = ({ revocations }: CheckPorts, { claims, expired, base, now }: Work) => ({
  ...{ claims, expired, revocations },
  principal: base.principal,
  now: now.getTime(),
});

const refuse = (work: Work, { reason, policy }: Judgement & { kind: "refused" }): Decided => ({ draft: { ...deny(work, reason), policy } });

const refuseOvertaken = (work: Work, policy?: ActivePolicy): Decided => {
  return { draft: { ...deny(work, overtaken), policy, retryAfter: 1 } };
};

const sessionKey = (work: Work): string => JSON.stringify([work.base.principal.tenant, contextOf(work).sessionId ?? work.id]);

/** Makes the decision durable. What cannot be recorded is denied, and gives back what it held. */
async function record(ports: CheckPorts, work: Work, { draft, hold }: Decided): Promise<Draft> {
  const { log } = ports;
  const goes = draft.decision === "allow" || draft.decision === "sanitize";
  const durability = goes && !work.call.dryRun ? (draft.verdict?.durability ?? "T1") : "T2";
  const stored = durability === "T0" ? log.acknowledged(draft.id, acknowledgeMs) : undefined;
  try {
    const { now, caller, findings, looking } = work;
    caller.stage?.("reserve");
    await appendDecision(ports, draft, { now, caller, findings, looking, context: contextOf(work) });
    caller.stage?.("record");
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
