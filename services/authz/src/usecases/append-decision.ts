import type { DecisionData } from "@aegis/contracts/decision-event";
import { subject } from "@aegis/contracts/subjects";
import type { Finding, Looking } from "@aegis/dlp/detect";
import type { Draft } from "#domain/draft.ts";
import { decisionEventOf } from "#domain/event.ts";
import type { ActivePolicy } from "#domain/policies.ts";
import { keepPersonal } from "./keep-personal.ts";
import type { EventLog, SubjectKeys } from "./ports.ts";
import type { Caller } from "./work.ts";

/** What an event says besides the decision. */
interface Circumstances {
  readonly now: Date;
  readonly caller: Caller;
  readonly findings: readonly Finding[];
  readonly looking: Looking;
  readonly context: DecisionData["context"];
}

export interface AppendPorts {
  readonly log: EventLog;
  readonly subjectKeys: SubjectKeys;
  readonly policyOf: (tenant: string) => ActivePolicy | undefined;
  /** Milliseconds on the monotonic clock. */
  readonly monotonic: () => number;
}

/** Appends the event of a decision: synced when a call may go ahead by it, which none does by a dry run. @throws AegisError `unavailable`. */
export function appendDecision(
  { log, subjectKeys, policyOf, monotonic }: AppendPorts,
  draft: Draft,
  { now, caller, ...facts }: Circumstances,
): Promise<void> {
  const { id, decision, principal } = draft;
  const { tenant, agent } = principal;
  const make = decisionEventOf(draft, {
    ...facts,
    source: log.source,
    time: now.toISOString(),
    traceparent: caller.traceparent,
    latencyMs: Math.round((monotonic() - caller.arrived) * 1000) / 1000,
    pep: caller.pep,
    shed: log.state() === "shed",
  });
  const goes = (decision === "allow" || decision === "sanitize") && !draft.call.dryRun;
  const append = (event: typeof make) =>
    log.append({ id, subject: subject("decision", { tenant, agent, decision }), make: event }, goes ? "T1" : "T2");
  // Also of a call that was refused before any policy was asked.
  const personal = (draft.policy ?? policyOf(tenant))?.snapshot.personal(draft.call.tool, draft.call.action);
  return personal === undefined ? append(make) : keepPersonal(subjectKeys, draft, make, personal).then(append);
}
