import type { JsonObject } from "@aegis/canonical/ijson";
import { AegisError } from "@aegis/contracts/errors";
import { type AskedCall, readEvaluation, type Said, subjectOf } from "./authzen.ts";
import type { Draft } from "./draft.ts";
import { isObject } from "./mcp-call.ts";

/** A task of the Access Request and Approval Profile as approvals holds it; times are RFC 3339. */
export interface Task {
  readonly id: string;
  readonly status: string;
  readonly expiresAt: string;
  readonly approval?: ApprovalTimes | undefined;
}

export interface ApprovalTimes {
  readonly approvedAt: string;
  readonly approvedUntil: string;
}

/** Where a profile's reason leads (ARAP, Completion Semantics). */
const nextActions: Readonly<Record<string, "request" | "retry" | "none">> = {
  approval_expired: "request",
  out_of_scope: "request",
  grant_pending: "retry",
  policy_denied: "none",
  approval_unverifiable: "none",
};

/** Seconds after which looking again makes sense while people decide. */
const pendingRetrySeconds = 5;

/**
 * What a denied evaluation says of how access may be had: by a request, later, or not at all. `presented`: it came with an approval;
 * `refused`: why that approval did not count.
 */
export function requestableContext(
  draft: Draft,
  { endpoint, presented, refused, at }: { endpoint: string; presented: boolean; refused?: string | undefined; at: string },
): Readonly<Record<string, unknown>> {
  const { approval, decision, retryAfter } = draft;
  const evaluated = { evaluation_id: draft.id, evaluated_at: at };
  if (decision === "approval_needed" && approval !== undefined) {
    const next = refused === undefined ? "request" : nextActions[refused];
    return {
      ...{ ...evaluated, reason: refused ?? "approval_required" },
      access_request: { endpoint, template: approval.queue, expires_at: approval.expiresAt },
      ...(presented && { next_action: next }),
      ...(presented && next === "retry" && { retry_after: pendingRetrySeconds }),
    };
  }
  if (!presented) return evaluated;
  if (retryAfter !== undefined) return { ...evaluated, reason: draft.reasons[0]?.code, next_action: "retry" };
  return { ...evaluated, reason: refused ?? "policy_denied", next_action: "none" };
}

/** A submitted request, as far as it matters here. */
export interface AccessRequest {
  readonly asked: AskedCall;
  readonly subject: Said;
  readonly evaluationId: string;
  /** RFC 3339 in form, as it was echoed; what counts is what approvals has on record. */
  readonly expiresAt: string;
  readonly justification: string;
}

/** What is wrong with a request, in the profile's words, or ours. */
export class RequestRefused extends Error {
  readonly error: ProfileError;

  constructor(error: ProfileError, message: string) {
    super(message);
    this.error = error;
  }
}

export type ProfileError = keyof typeof profileErrors;

/** The profile's problem types with their HTTP status. */
export const profileErrors = {
  not_requestable: 400,
  expired_denial: 410,
  invalid_denial_binding: 400,
  duplicate_request: 409,
  unknown_task: 404,
  task_expired: 410,
  invalid_task_state: 409,
} as const;

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const dateTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/;

/**
 * Reads a submission (ARAP, Access Request Submission).
 *
 * @throws AegisError `invalid_argument` for one that cannot be read or asks for what is not offered, RequestRefused in the profile's words.
 */
export function readAccessRequest(body: JsonObject): AccessRequest {
  if (body.items !== undefined) throw invalid("items: each request is for one resource and action");
  if (body.callback !== undefined) throw invalid("callback: nobody is called back; look at status_endpoint, or set up a webhook channel");
  const asked = readEvaluation(body);
  const { denial } = body;
  if (!isObject(denial)) throw new RequestRefused("invalid_denial_binding", "denial is missing or not an object");
  const { evaluation_id: evaluationId, expires_at: expiresAt } = denial;
  if (typeof evaluationId !== "string" || !uuid.test(evaluationId))
    throw new RequestRefused("invalid_denial_binding", "denial.evaluation_id does not name an evaluation of this service");
  if (typeof expiresAt !== "string" || !dateTime.test(expiresAt))
    throw new RequestRefused("invalid_denial_binding", "denial.expires_at is not an RFC 3339 time");
  const context = isObject(body.context) ? body.context : {};
  const { business_justification: justification = "" } = context;
  if (typeof justification !== "string" || justification.length > 2_000 || justification.includes("\0") || !justification.isWellFormed())
    throw invalid("context.business_justification is not a text of at most 2000 characters");
  return { asked, subject: subjectOf(body), evaluationId, expiresAt, justification };
}

/** A task as its requester is shown it; `endpoint` is where requests are sent. */
export function taskBody({ id, status, expiresAt, approval }: Task, endpoint: string): Readonly<Record<string, unknown>> {
  const status_endpoint = `${endpoint}/${id}`;
  return {
    task: {
      ...{ id, status, status_endpoint, expires_at: expiresAt },
      ...(status === "pending" && { links: { cancel: `${status_endpoint}/cancel` } }),
    },
    ...(approval && {
      result: { mode: "reevaluate", approval: { id, approved_at: approval.approvedAt, approved_until: approval.approvedUntil } },
    }),
  };
}

const invalid = (message: string) => new AegisError("invalid_argument", message);
