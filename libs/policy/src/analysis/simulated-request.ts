import { argumentLimits, type JsonObject, type JsonValue, parseIJsonValue } from "@aegis/canonical/ijson";
import { agentName, toolName } from "@aegis/contracts/names";
import { z } from "zod";
import type { EvaluationInput } from "../input.ts";
import { scopeItem } from "./recorded-call.ts";

const text = z.string().max(4_096);
/** Parsed from JSON, so it is JSON: looking through every value again would take longer than deciding. */
const json = z.record(z.string(), z.unknown());

const shape = z
  .strictObject({
    /** The caller's own name for the request; it changes nothing. */
    id: z.union([z.string(), z.number()]).optional(),
    agent: agentName.optional(),
    /** Who calls, as events and the engine's input have it; `agent` alone is enough. */
    principal: z
      .looseObject({ agent: agentName, chain: z.array(text).optional(), subject: text.optional(), scope: z.array(text).optional() })
      .optional(),
    tool: toolName,
    action: toolName,
    /** `args` is the same. */
    arguments: json.optional(),
    args: json.optional(),
    url: text.optional(),
    method: text.optional(),
    destination: z.strictObject({ url: text, method: text.optional() }).optional(),
    purpose: text.optional(),
    prompt: text.optional(),
    session: text.optional(),
    context: z
      .looseObject({
        purpose: text.optional(),
        promptId: text.optional(),
        prompt_id: text.optional(),
        sessionId: text.optional(),
        session_id: text.optional(),
      })
      .optional(),
    subject: text.optional(),
    /** The actors, newest first; the agent alone when left out. */
    chain: z.array(agentName).min(1).max(8).optional(),
    depth: z.int().min(0).max(8).optional(),
    /** What the token may do; this very call when left out. */
    scope: z.array(text).max(1_000).optional(),
    labels: z.array(text).max(1_000).optional(),
    calls: z.array(text).max(1_000).optional(),
    drift: z.boolean().optional(),
    estimate: z
      .strictObject({
        microUsd: z.number().min(0).default(0),
        tokens: z.number().min(0).default(0),
        money: z.strictObject({ currency: z.string().length(3), micro: z.int().min(0) }).optional(),
      })
      .optional(),
    /** RFC 3339; the moment of the simulation when left out. */
    time: z.iso.datetime({ offset: true }).optional(),
  })
  .refine(({ args, arguments: long }) => args === undefined || long === undefined, "args and arguments are the same: give one of them")
  .refine(({ url, destination }) => url === undefined || destination === undefined, "url and destination are the same: give one of them")
  .refine(
    ({ agent, principal }) => (agent === undefined) !== (principal === undefined),
    "agent, or principal with its agent, must say who calls",
  )
  .refine(({ agent, chain }) => chain === undefined || chain[0] === agent, "the first of chain must be agent");

/** A call that somebody thought of, as the engine takes it, or what is wrong with it. */
export type SimulatedRequest =
  | { readonly ok: true; readonly input: Omit<EvaluationInput, "findings"> }
  | { readonly ok: false; readonly message: string };

/** Reads one request of a simulation. Unknown members are a mistake, not decoration. */
export function simulatedRequest(value: unknown, defaults: { readonly tenant: string; readonly now: number }): SimulatedRequest {
  const read = shape.safeParse(value);
  if (!read.success) return { ok: false, message: read.error.issues.map(explain).join("; ") };
  const { tool, action, labels = [], calls = [], principal, ...rest } = read.data;
  const agent = rest.agent ?? principal?.agent ?? "";
  const chain = rest.chain ?? principal?.chain ?? [agent];
  const destination = rest.destination ?? (rest.url === undefined ? undefined : { url: rest.url, method: rest.method });
  const input: Omit<EvaluationInput, "findings"> = {
    principal: {
      tenant: defaults.tenant,
      agent,
      subject: rest.subject ?? principal?.subject ?? agent,
      chain,
      depth: rest.depth ?? chain.length - 1,
      scope: rest.scope ?? principal?.scope ?? [scopeItem(tool, action)],
    },
    tool,
    action,
    arguments: (rest.arguments ?? rest.args ?? {}) as JsonObject,
    ...(destination && { destination }),
    context: {
      purpose: rest.purpose ?? rest.context?.purpose,
      promptId: rest.prompt ?? rest.context?.promptId ?? rest.context?.prompt_id,
      sessionId: rest.session ?? rest.context?.sessionId ?? rest.context?.session_id,
    },
    ...((labels.length > 0 || calls.length > 0) && { session: { labels: sorted(labels), calls: sorted(calls) } }),
    ...(rest.drift !== undefined && { drift: rest.drift }),
    ...(rest.estimate && { estimate: rest.estimate }),
    now: rest.time === undefined ? defaults.now : Date.parse(rest.time),
  };
  return { ok: true, input };
}

/** A request stands around its arguments, which may be as large and deep as any call's. */
const requestLimits = { maxBytes: argumentLimits.maxBytes + 64 * 1024, maxDepth: argumentLimits.maxDepth + 1 };

/** The same of one line of a file of JSON lines. */
export function simulatedLine(line: string, defaults: { readonly tenant: string; readonly now: number }): SimulatedRequest {
  let value: JsonValue;
  try {
    // As strict as authz: a call that would be refused there as malformed is none here either.
    value = parseIJsonValue(line, requestLimits);
  } catch (error) {
    return { ok: false, message: error instanceof Error ? error.message : "it is not JSON" };
  }
  return simulatedRequest(value, defaults);
}

const sorted = (all: readonly string[]): string[] => [...new Set(all)].sort();

function explain({ path, message }: z.core.$ZodIssue): string {
  return path.length === 0 ? message : `${path.join(".")}: ${message}`;
}
