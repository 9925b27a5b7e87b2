import type { JsonObject } from "@aegis/canonical/ijson";
import { assertIJson, parseIJson } from "@aegis/canonical/ijson";
import type { CheckRequest, Cost } from "@aegis/contracts/aegis/authz/v1/authz";
import type { DecisionData } from "@aegis/contracts/decision-event";
import { AegisError } from "@aegis/contracts/errors";
import { toolPattern } from "@aegis/contracts/name-patterns";
import { linePattern } from "@aegis/contracts/names";
import type { Money } from "@aegis/policy/ir";

/** One tool call that an agent wants to make, checked for form and nothing else. */
export interface Call {
  readonly tool: string;
  readonly action: string;
  readonly arguments: JsonObject;
  /** As the caller gave it. */
  readonly destination?: { readonly url: string; readonly method?: string };
  readonly context: DecisionData["context"];
  /** What the caller says it is: the digest of its prompt, tools and configuration. */
  readonly fingerprint?: string;
  readonly estimate?: { readonly microUsd: number; readonly tokens: number; readonly money?: Money };
  readonly overrideToken?: string;
  readonly dryRun: boolean;
  readonly requestId?: string;
}

/** Longest identifier in a call, in UTF-16 code units. */
const maxName = 128;
const maxReasoning = 32 * 1024;
const maxUrl = 8 * 1024;

/** Reads a request into a call. @throws AegisError `invalid_argument` naming the field at fault. */
export function parseCall(request: Omit<CheckRequest, "$typeName" | "$unknown" | "agentToken" | "dpopProof">): Call {
  const { context, destination, estimate } = request;
  return {
    tool: toolOrAction("tool", request.tool),
    action: toolOrAction("action", request.action),
    arguments: argumentsOf(request),
    ...(destination && { destination: parseDestination(destination) }),
    context: {
      ...text("sessionId", context?.sessionId, maxName),
      ...text("promptId", context?.promptId, maxName),
      ...text("purpose", context?.purpose, maxName),
      ...text("reasoning", context?.reasoning, maxReasoning),
      ...text("planId", context?.planId, maxName),
      ...text("replanOf", context?.replanOf, maxName),
      ...text("toolCallId", context?.toolCallId, maxName),
    },
    ...text("fingerprint", context?.fingerprint, maxName),
    ...(estimate && { estimate: costIn("estimate", estimate) }),
    ...text("overrideToken", request.overrideToken, 1024),
    dryRun: request.dryRun,
    ...text("requestId", request.requestId, maxName),
  };
}

/** A tool's or an action's name. @throws AegisError `invalid_argument`. */
function toolOrAction(field: string, value: string): string {
  if (!toolPattern.test(value)) throw new AegisError("invalid_argument", `${field} must match ${toolPattern.source}`);
  return value;
}

function argumentsOf({ args }: Pick<CheckRequest, "args">): JsonObject {
  if (args.case === "argumentsJson") return parseIJson(args.value);
  return args.case === "arguments" ? assertIJson(args.value) : {};
}

function parseDestination({ url, method }: { url: string; method: string }): NonNullable<Call["destination"]> {
  if (url === "") throw new AegisError("invalid_argument", "destination.url is missing");
  return { ...(text("url", url, maxUrl) as { url: string }), ...text("method", method, 32) };
}

/** An absent or empty text is left out; it must be well-formed, because it is stored and compared. */
function text<K extends string>(field: K, value: string | undefined, longest: number): { [key in K]?: string } {
  if (value === undefined || value === "") return {};
  if (value.length > longest) throw new AegisError("invalid_argument", `${field} is longer than ${longest}`);
  if (!value.isWellFormed()) throw new AegisError("invalid_argument", `${field} is not well-formed Unicode`);
  if (field !== "reasoning" && !linePattern.test(value)) throw new AegisError("invalid_argument", `${field} holds a control character`);
  return { [field]: value } as { [key in K]?: string };
}

/** What a caller says that a call costs. @throws AegisError `invalid_argument`. */
export function costIn(field: string, cost: Omit<Cost, "$typeName" | "$unknown">): NonNullable<Call["estimate"]> {
  const [microUsd, tokens, micro] = [cost.microUsd, cost.tokens, cost.micro].map((units) => amount(field, units)) as [
    number,
    number,
    number,
  ];
  if (cost.currency === "" && micro === 0) return { microUsd, tokens };
  if (!/^[A-Z]{3}$/.test(cost.currency)) throw new AegisError("invalid_argument", `${field}.currency must be three capital letters`);
  if (microUsd > 0) throw new AegisError("invalid_argument", `${field} is given in two currencies`);
  return cost.currency === "USD" ? { microUsd: micro, tokens } : { microUsd: 0, tokens, money: { currency: cost.currency, micro } };
}

/** A count of micro-dollars or tokens: not negative, and exact as a double. @throws AegisError `invalid_argument`. */
function amount(field: string, value: bigint): number {
  if (value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER)) throw new AegisError("invalid_argument", `${field} is out of range`);
  return Number(value);
}
