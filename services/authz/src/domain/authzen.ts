import type { JsonObject, JsonValue } from "@aegis/canonical/ijson";
import { AegisError } from "@aegis/contracts/errors";
import { toolPattern } from "@aegis/contracts/name-patterns";
import type { Reason } from "@aegis/contracts/reasons";
import type { Draft } from "./draft.ts";
import { isObject } from "./mcp-call.ts";

/** A question in another's words, as one of ours. */
export interface AskedCall {
  readonly tool: string;
  readonly action: string;
  readonly arguments: JsonObject;
  readonly destination?: { readonly url: string; readonly method: string };
  readonly context: { readonly sessionId: string; readonly promptId: string; readonly purpose: string; readonly fingerprint: string };
  readonly overrideToken: string;
  /** The approval that is presented by its id, as it was written. */
  readonly approvalId?: string | undefined;
  readonly dryRun: boolean;
}

/** Who is said to ask; the token decides who does. */
export interface Said {
  readonly type: string;
  readonly id: string;
  readonly properties: JsonObject;
}

/** What a batch does after an answer. */
type Semantic = "execute_all" | "deny_on_first_deny" | "permit_on_first_permit";

/** AuthZEN 1.0 §7: one question, or many that share what they do not say themselves. */
export interface Evaluations {
  readonly semantic: Semantic;
  /** Absent: the request is one evaluation. */
  readonly evaluations?: readonly JsonObject[];
}

const semantics: ReadonlySet<string> = new Set(["execute_all", "deny_on_first_deny", "permit_on_first_permit"] satisfies Semantic[]);

/** More than this in one batch is refused. */
const mostEvaluations = 100;

/** Reads a batch. @throws AegisError `invalid_argument`. */
export function readEvaluations(request: JsonObject): Evaluations {
  const { evaluations, options = Object.create(null), ...shared } = request;
  if (!isObject(options)) throw invalid("options is not an object");
  const semantic = options.evaluations_semantic ?? "execute_all";
  if (typeof semantic !== "string" || !semantics.has(semantic)) throw invalid("options.evaluations_semantic is not known");
  if (evaluations !== undefined && !Array.isArray(evaluations)) throw invalid("evaluations is not a list");
  if (evaluations === undefined || evaluations.length === 0) return { semantic: semantic as Semantic };
  if (evaluations.length > mostEvaluations) throw invalid(`evaluations holds more than ${mostEvaluations}`);
  const each = evaluations.map((one) => {
    if (!isObject(one)) throw invalid("one of the evaluations is not an object");
    return { ...shared, ...one };
  });
  return { semantic: semantic as Semantic, evaluations: each };
}

/**
 * Reads one evaluation (AuthZEN 1.0 §6). A resource whose id cannot be a tool's name, as an address, is asked about by its type: its id is
 * then `resource.id` among the arguments.
 *
 * @throws AegisError `invalid_argument` naming the member at fault.
 */
export function readEvaluation(request: JsonObject): AskedCall {
  const resource = member(request, "resource");
  const action = member(request, "action");
  const context = optional(request, "context");
  subjectOf(request);
  const [type, id] = [text(resource, "resource", "type"), text(resource, "resource", "id")];
  const isTool = toolPattern.test(id);
  const [properties, given] = [optional(action, "properties"), optional(context, "arguments")];
  if (Object.keys(properties).length > 0 && Object.keys(given).length > 0)
    throw invalid("the arguments are in action.properties and in context.arguments: give one");
  return {
    tool: isTool ? id : type,
    action: text(action, "action", "name"),
    arguments: withProperties(Object.keys(given).length > 0 ? given : properties, "resource", {
      ...optional(resource, "properties"),
      ...(!isTool && { id }),
    }),
    ...about(context),
    ...(context.approval !== undefined && { approvalId: text(member(context, "approval"), "context.approval", "id") }),
  };
}

/** Who is said to ask. @throws AegisError `invalid_argument`. */
export function subjectOf(request: JsonObject): Said {
  const subject = member(request, "subject");
  return { type: text(subject, "subject", "type"), id: text(subject, "subject", "id"), properties: optional(subject, "properties") };
}

/** What is said of the resource or the subject is an argument named so. @throws AegisError `invalid_argument`. */
export function withProperties(args: JsonObject, name: "resource" | "subject", properties: JsonObject): JsonObject {
  if (Object.keys(properties).length === 0) return args;
  if (Object.hasOwn(args, name)) throw invalid(`${name} has properties, and an argument is called ${name}: give one`);
  return { ...args, [name]: properties };
}

/** Reads OPA's input: our own names. @throws AegisError `invalid_argument`. */
export function readInput(request: JsonObject): AskedCall {
  const input = member(request, "input");
  return {
    ...{ tool: text(input, "input", "tool"), action: text(input, "input", "action"), arguments: optional(input, "arguments") },
    ...about({ ...optional(input, "context"), ...input }),
  };
}

function about(context: JsonObject): Omit<AskedCall, "tool" | "action" | "arguments"> {
  const { destination } = context;
  return {
    context: {
      ...{ sessionId: word(context, "session_id"), promptId: word(context, "prompt_id") },
      ...{ purpose: word(context, "purpose"), fingerprint: word(context, "fingerprint") },
    },
    ...(destination !== undefined && {
      destination: {
        url: text(member(context, "destination"), "destination", "url"),
        method: word(member(context, "destination"), "method"),
      },
    }),
    overrideToken: word(context, "override_token"),
    dryRun: flag(context, "dry_run"),
  };
}

/** Why a question about names that no tool and no action can have is denied; undefined when they can. */
export function refuseNames({ tool, action }: AskedCall): Reason | undefined {
  if (!toolPattern.test(tool)) return { code: "tool_not_allowed", message: "no tool has such a name" };
  return toolPattern.test(action) ? undefined : { code: "action_not_allowed", message: "no action has such a name" };
}

/** What every answer says of its decision. */
export const decisionContext = (draft: Draft, statusUrl: (approvalId: string) => string) => ({
  ...{ decision: draft.decision, decision_id: draft.id, reasons: draft.reasons, action_digest: draft.actionDigest },
  ...(draft.policy && { policy_version: draft.policy.snapshot.version, snapshot_digest: draft.policy.snapshot.digest }),
  ...(draft.approval && {
    approval: { id: draft.approval.id, status_url: statusUrl(draft.approval.id), expires_at: draft.approval.expiresAt },
  }),
  ...(draft.retryAfter !== undefined && { retry_after: draft.retryAfter }),
});

/** What must be done when the call is made. Whoever does not know one of them must not make it. */
export function obligationsOf({ sanitized, verdict }: Draft) {
  const { arguments: args, redactions } = sanitized ?? {};
  const named = (verdict?.obligations ?? []).map((name) => ({ id: name, type: "custom", properties: {} }));
  return sanitized ? [{ id: "sanitize", type: "custom", properties: { arguments: args, redactions } }, ...named] : named;
}

const invalid = (message: string) => new AegisError("invalid_argument", message);

function member(of: JsonObject, name: string): JsonObject {
  const value: JsonValue | undefined = of[name];
  if (!isObject(value)) throw invalid(`${name} is missing or not an object`);
  return value;
}

const optional = (of: JsonObject, name: string): JsonObject => (of[name] === undefined ? Object.create(null) : member(of, name));

function text(of: JsonObject, parent: string, name: string): string {
  const value = of[name];
  if (typeof value !== "string" || value === "") throw invalid(`${parent}.${name} is missing or not a text`);
  return value;
}

function word(of: JsonObject, name: string): string {
  const value = of[name] ?? "";
  if (typeof value !== "string") throw invalid(`${name} is not a text`);
  return value;
}

function flag(of: JsonObject, name: string): boolean {
  const value = of[name] ?? false;
  if (typeof value !== "boolean") throw invalid(`${name} is not a boolean`);
  return value;
}
