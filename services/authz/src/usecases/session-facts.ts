import type { Reason } from "@aegis/contracts/reasons";
import type { SessionFacts } from "@aegis/policy/input";
import type { Snapshot } from "@aegis/policy/snapshot";
import { factsAfter } from "#domain/session.ts";
import type { Sessions } from "./ports.ts";

/** How often a call is judged anew because another one of its session was let through meanwhile, on another replica. */
export const mostTries = 10;

type Refused = { readonly kind: "refused"; readonly reason: Reason; readonly retryAfter?: number };

/**
 * Records that the call is let through, on the condition that nothing was recorded since its session was read. Every call that is let
 * through writes, also what is there already: a reading that was out of date is then found out, whichever server it came from.
 */
export type RecordInSession = () => Promise<{ readonly kind: "recorded" } | { readonly kind: "overtaken" } | Refused>;

export type Seen =
  | { readonly kind: "seen"; readonly facts: SessionFacts | undefined; readonly record: RecordInSession | undefined }
  | Refused;

interface CallInSession {
  readonly tenant: string;
  /** The actors, newest first. */
  readonly chain: readonly string[];
  readonly tool: string;
  readonly action: string;
  readonly session: string | undefined;
}

/** What was seen in a call's session. What is enforced must know it; what is on trial makes do without. */
export async function seenBy(sessions: Sessions, call: CallInSession, snapshot: Snapshot): Promise<Seen> {
  const { tenant, chain, tool, action, session } = call;
  const [agent = ""] = chain;
  const required = snapshot.sessionDuty(chain, tool, action) === "require";
  const unknown: Seen = { kind: "seen", facts: undefined, record: undefined };
  if (session === undefined) return required ? { kind: "refused", reason: nameless } : unknown;
  try {
    const state = await sessions.read(tenant, session);
    const { labels } = snapshot.resultRules(agent, tool, action);
    const record: RecordInSession = async () => {
      const facts = factsAfter(state.facts, { tool, action }, labels);
      if (facts === undefined) return required ? { kind: "refused", reason: tooLong } : { kind: "recorded" };
      try {
        return { kind: (await sessions.write(tenant, session, { ...state, facts })) ? "recorded" : "overtaken" };
      } catch {
        return required ? unreachable : { kind: "recorded" };
      }
    };
    return { kind: "seen", facts: state.facts, record };
  } catch {
    return required ? unreachable : unknown;
  }
}

const nameless: Reason = Object.freeze({
  code: "session_flow",
  message: "policies ask what was seen in the session, or will ask for what this call leaves in it, and the call names none",
});

/** Other calls of the session were let through meanwhile, each time it was tried. */
export const overtaken: Reason = Object.freeze({
  code: "session_flow",
  message: "the session is used by too many calls at once: what was seen in it cannot be told",
});

const tooLong: Reason = Object.freeze({
  code: "session_flow",
  message: "more was seen in the session than is kept: begin another one",
});

const unreachable: Refused = Object.freeze({
  kind: "refused",
  reason: Object.freeze<Reason>({ code: "session_flow", message: "what was seen in the session cannot be told now" }),
  retryAfter: 2,
});
