import type { DecisionData } from "@aegis/contracts/decision-event";
import type { Reason } from "@aegis/contracts/reasons";
import type { Finding, Looking } from "@aegis/dlp/detect";
import type { AgentClaims } from "@aegis/identity/claims";
import type { Call } from "#domain/call.ts";
import type { Capabilities } from "#domain/capabilities.ts";
import { boundReasons, type Draft } from "#domain/draft.ts";
import { boundContext } from "#domain/principal.ts";
import type { Presented } from "./authenticate.ts";
import type { Hold } from "./ports.ts";

/** How the call reached us. */
export interface Caller extends Presented {
  readonly traceparent: string | undefined;
  /** When the caller stops waiting, in milliseconds since 1970; absent: it did not say. */
  readonly deadline?: number | undefined;
  /** Milliseconds on the monotonic clock when the call arrived. */
  readonly arrived: number;
  readonly pep: DecisionData["pep"];
  /** What the enforcement point can do, where not everything. */
  readonly can?: Capabilities;
  /** The enforcement point speaks MCP, and this is a `tools/call`. */
  readonly mcp?: boolean;
  /** Told, where somebody records the call's trace, of each stage that is over. */
  readonly stage?: (name: "authenticate" | "detect" | "evaluate" | "reserve" | "record") => void;
}

/** A call on its way to a decision. */
export interface Work {
  readonly id: string;
  readonly call: Call;
  readonly claims: AgentClaims;
  readonly expired: boolean;
  readonly base: Pick<Draft, "id" | "principal" | "call" | "actionDigest" | "hidden">;
  readonly findings: readonly Finding[];
  readonly looking: Looking;
  readonly now: Date;
  readonly caller: Caller;
}

/** A decision with what it holds until it is durable. */
export interface Decided {
  readonly draft: Draft;
  readonly hold?: Hold | undefined;
}

/** What the call says of its context, as far as the token lets it. */
export const contextOf = (work: Work) => boundContext(work.claims, work.call.context);

/** The decision that refuses a call. */
export function deny(work: Work, ...reasons: readonly Reason[]): Draft {
  return { ...work.base, decision: "deny", reasons: boundReasons(reasons), reservations: [], budgets: [] };
}

/** A T0 decision that JetStream does not hold. */
export const notAcknowledged: Reason = {
  code: "audit_unavailable",
  message: "this action needs its record replicated first, and that is not possible now",
};
