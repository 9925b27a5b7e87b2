import type { Producer, Reservation } from "@aegis/contracts/decision-event";
import { type OutcomeEvent, outcomeType } from "@aegis/contracts/outcome-event";
import { subject } from "@aegis/contracts/subjects";
import { RecentAnswers } from "#domain/answers.ts";
import type { Draft } from "#domain/draft.ts";
import type { Clock, EventLog, NewId } from "./ports.ts";

/** What is remembered of a decision that let a call go ahead. */
interface RecentDecision {
  readonly tenant: string;
  readonly agent: string;
  readonly actionDigest: string;
  readonly reservations: readonly Reservation[];
  /** The call is about a person whose data its records keep apart. */
  readonly personal: boolean;
  /** An outcome was told: later ones of the same call are not another failure. */
  told: boolean;
}

/** The decisions of the last minutes, for the outcomes that follow them. */
export interface RecentDecisions {
  remember(draft: Draft, now: number): void;
  find(decisionId: string, now: number): RecentDecision | undefined;
  /** Records that an allowed call will not be made after all, so that its reservation is released. */
  withdraw(draft: Draft, why: string): Promise<void>;
}

export function recentDecisions(ports: { log: EventLog; newId: NewId; clock: Clock }): RecentDecisions {
  const decisions = new RecentAnswers<RecentDecision>(100_000);
  return {
    remember: ({ id, principal, actionDigest, reservations, call, policy }, now) => {
      const personal = policy?.snapshot.personal(call.tool, call.action) !== undefined;
      decisions.set(id, { tenant: principal.tenant, agent: principal.agent, actionDigest, reservations, personal, told: false }, now);
    },
    find: (decisionId, now) => decisions.get(decisionId, now),
    async withdraw({ id: decisionId, principal, reservations }, why) {
      const id = ports.newId();
      const { tenant, agent } = principal;
      const make = (producer: Producer): OutcomeEvent => ({
        specversion: "1.0",
        id,
        source: ports.log.source,
        type: outcomeType,
        time: ports.clock.now().toISOString(),
        datacontenttype: "application/json",
        tenant,
        data: { decisionId, outcome: "failed", principal, error: why, reservations: [...reservations], producer },
      });
      await ports.log.append({ id, subject: subject("outcome", { tenant, agent, outcome: "failed" }), make }, "T1");
    },
  };
}
