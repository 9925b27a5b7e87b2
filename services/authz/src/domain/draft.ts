import type { JsonObject, JsonValue } from "@aegis/canonical/ijson";
import type { Principal, Reservation } from "@aegis/contracts/decision-event";
import type { DecisionName, Reason } from "@aegis/contracts/reasons";
import type { Redaction } from "@aegis/dlp/redact";
import { redact } from "@aegis/dlp/redact";
import type { Verdict } from "@aegis/policy/input";
import type { Call } from "./call.ts";
import type { ActivePolicy } from "./policies.ts";

/** A decision before it is told to anybody: the response and the event are both made from it. */
export interface Draft {
  /** UUIDv7; also the event's id. */
  readonly id: string;
  readonly decision: DecisionName;
  readonly reasons: readonly Reason[];
  readonly principal: Principal;
  readonly call: Call;
  /** The arguments without anything that any detector found, where somebody had to know them before the decision was made. */
  readonly hidden?: Hidden | undefined;
  readonly actionDigest: string;
  readonly policy?: ActivePolicy | undefined;
  readonly verdict?: Verdict | undefined;
  readonly approval?: ApprovalMinted | undefined;
  readonly overrideOf?: string | undefined;
  /** The standing grant that was used. */
  readonly grantOf?: string | undefined;
  /** Until when the approval counted that was spent by its id. RFC 3339. */
  readonly approvedUntil?: string | undefined;
  /** Why an approval that was presented by its id did not count, in the words of AuthZEN's profile. */
  readonly approvalRefused?: string | undefined;
  /** Set when this is about what a tool answered: the decision that let the call through. */
  readonly resultOf?: string | undefined;
  readonly reservations: readonly Reservation[];
  readonly budgets: readonly BudgetView[];
  /** Seconds after which asking again makes sense. */
  readonly retryAfter?: number | undefined;
  readonly sanitized?: { readonly arguments: JsonObject; readonly redactions: readonly Redaction[] } | undefined;
}

/** Arguments as others may know them. */
export interface Hidden {
  readonly value: JsonValue;
  readonly redactions: readonly Redaction[];
}

/** An approval that this decision asks for. */
interface ApprovalMinted {
  readonly id: string;
  readonly queue: string;
  readonly quorum: number;
  /** RFC 3339. */
  readonly expiresAt: string;
}

/** A limited account as this replica last knew it. */
export interface BudgetView {
  readonly scope: string;
  readonly unit: string;
  readonly limit: number;
  readonly remaining: number;
}

/** More reasons than this help nobody and would let a caller blow up the log. */
const mostReasons = 100;

/** Bounds a list of reasons. */
export const boundReasons = (reasons: readonly Reason[]): readonly Reason[] =>
  reasons.length > mostReasons ? reasons.slice(0, mostReasons) : reasons;

/** What the agent must send instead, when the verdict has something to hide; undefined when it may send what it has. */
export function sanitize(call: Call, verdict: Verdict, hashKey: Uint8Array): Draft["sanitized"] {
  if (verdict.redactions.length === 0) return undefined;
  const { value, redactions } = redact(call.arguments as JsonValue, verdict.redactions, { hashKey });
  return { arguments: value as JsonObject, redactions };
}

/** Of the reasons that asked for an approval, those that still hold once it was given. */
export function reasonsAfterApproval(verdict: Verdict): readonly Reason[] {
  return verdict.redactions.length === 0 ? [] : verdict.reasons.filter((reason) => reason.code === "pii_found");
}
