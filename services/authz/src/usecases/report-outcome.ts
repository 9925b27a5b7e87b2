import type { ReportOutcomeRequest } from "@aegis/contracts/aegis/authz/v1/authz";
import { type Producer, personalDetector } from "@aegis/contracts/decision-event";
import { AegisError } from "@aegis/contracts/errors";
import { digestPattern } from "@aegis/contracts/names";
import { type OutcomeData, type OutcomeEvent, type OutcomeName, outcomeType } from "@aegis/contracts/outcome-event";
import { subject } from "@aegis/contracts/subjects";
import { detectorNames, type Looking } from "@aegis/dlp/detect";
import { redactText } from "@aegis/dlp/redact";
import type { Governance } from "@aegis/policy/ir";
import { inUsDollars } from "@aegis/policy/money";
import { RecentAnswers } from "#domain/answers.ts";
import { costIn } from "#domain/call.ts";
import type { FailedCalls } from "#domain/failed-calls.ts";
import { principalOf } from "#domain/principal.ts";
import type { Streaks } from "#domain/streaks.ts";
import type { AuthenticateAgent, Presented } from "./authenticate.ts";
import type { CheckPorts } from "./check.ts";
import { streakOf } from "./pass-breakers.ts";
import type { Clock, EventLog, NewId, OtherReplicas } from "./ports.ts";
import type { RecentDecisions } from "./recent-decisions.ts";

export interface ReportOutcomePorts {
  readonly authenticate: AuthenticateAgent;
  readonly log: EventLog;
  readonly recent: RecentDecisions;
  readonly policyOf: CheckPorts["policyOf"];
  readonly failed: FailedCalls;
  readonly streaks: Streaks;
  readonly otherReplicas: OtherReplicas;
  readonly newId: NewId;
  readonly clock: Clock;
}

/**
 * Records what came of an allowed call. Resolves with the event's id once it is durable.
 *
 * @throws AegisError `unauthenticated` (also for an expired token), `invalid_argument`, `permission_denied` for somebody else's
 * decision, `unavailable` when it cannot be recorded.
 */
export type ReportOutcome = (
  request: ReportOutcomeRequest,
  caller: Presented & { readonly traceparent: string | undefined },
) => Promise<string>;

const outcomeNames: readonly (OutcomeName | undefined)[] = [undefined, "executed", "failed", "rolled_back"];
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const maxError = 4096;

export function reportOutcome(ports: ReportOutcomePorts): ReportOutcome {
  const answers = new RecentAnswers<Promise<string>>();
  return async (request, caller) => {
    const { claims, expired, refusal } = await ports.authenticate(request, caller);
    if (refusal !== undefined) throw new AegisError("unauthenticated", refusal.message);
    if (expired) throw new AegisError("unauthenticated", "the token has expired");
    const now = ports.clock.now();
    const principal = principalOf(claims);
    const { tenant, agent } = principal;
    const snapshot = ports.policyOf(tenant)?.snapshot;
    const told = parse(request, snapshot?.everyDetector ?? detectorNames, snapshot?.governance.exchangeRates);
    const decision = ports.recent.find(told.decisionId, now.getTime());
    if (decision && (decision.tenant !== tenant || decision.agent !== agent))
      throw new AegisError("permission_denied", "this decision was made for another agent");
    // Of another replica's decision it is not known here whom it is about.
    const personal = decision?.personal ?? snapshot?.declaresPersonal ?? false;
    const data: Omit<OutcomeData, "producer"> = {
      ...(personal ? withoutError(told) : told),
      principal,
      ...(decision && { reservations: [...decision.reservations] }),
    };
    const report = async () => {
      const id = ports.newId();
      const make = (producer: Producer): OutcomeEvent => ({
        specversion: "1.0",
        id,
        source: ports.log.source,
        type: outcomeType,
        time: now.toISOString(),
        datacontenttype: "application/json",
        tenant,
        ...(caller.traceparent !== undefined && { traceparent: caller.traceparent }),
        data: { ...data, producer },
      });
      await ports.log.append({ id, subject: subject("outcome", { tenant, agent, outcome: data.outcome }), make }, "T1");
      if (decision && !decision.told) {
        decision.told = true;
        if (snapshot?.governance.breaker !== undefined) {
          const row = ports.streaks.outcome(streakOf(tenant, agent), data.outcome, now.getTime());
          if (row !== undefined) ports.otherReplicas.streak(tenant, agent, row);
        }
        if (data.outcome === "executed") ports.failed.succeeded(decision);
        else if (data.outcome === "failed") {
          ports.failed.failed(decision, now.getTime());
          ports.otherReplicas.callFailed(decision);
        }
      }
      return id;
    };
    if (request.requestId === "") return report();
    const key = JSON.stringify([tenant, agent, request.requestId, told.decisionId, told.outcome]);
    const known = answers.get(key, now.getTime());
    if (known) return known;
    const answer = report();
    answers.set(key, answer, now.getTime());
    answer.catch(() => answers.forget(key, answer));
    return answer;
  };
}

/** What a tool says of its failure may spell whom the call was about. */
const withoutError = (told: ReturnType<typeof parse>) =>
  told.error === undefined ? told : { ...told, error: `[REDACTED:${personalDetector}]` };

function parse(
  request: ReportOutcomeRequest,
  looking: Looking,
  rates: Governance["exchangeRates"],
): Pick<OutcomeData, "decisionId" | "outcome" | "actual" | "resultDigest" | "error"> {
  const outcome = outcomeNames[request.outcome];
  if (!uuid.test(request.decisionId)) throw new AegisError("invalid_argument", "decision_id is not a UUID in lower case");
  if (outcome === undefined) throw new AegisError("invalid_argument", "outcome is missing");
  if (request.resultDigest !== "" && !digestPattern.test(request.resultDigest))
    throw new AegisError("invalid_argument", `result_digest must match ${digestPattern.source}`);
  if (request.requestId.length > 128) throw new AegisError("invalid_argument", "request_id is longer than 128");
  const { actual } = request;
  return {
    decisionId: request.decisionId,
    outcome,
    ...(actual && { actual: actualOf(costIn("actual", actual), rates) }),
    ...(request.resultDigest !== "" && { resultDigest: request.resultDigest }),
    ...(request.error !== "" && { error: redactText(request.error.toWellFormed().slice(0, maxError), looking) }),
  };
}

/** @throws AegisError `invalid_argument` for a currency without a declared rate. */
function actualOf({ money, ...actual }: ReturnType<typeof costIn>, rates: Governance["exchangeRates"]): OutcomeData["actual"] {
  if (money === undefined) return actual;
  const priced = inUsDollars(money, rates);
  if (typeof priced === "string") throw new AegisError("invalid_argument", `actual: ${priced}`);
  return { ...actual, ...priced };
}
