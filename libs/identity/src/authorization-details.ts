import { type JsonObject, parseIJsonValue } from "@aegis/canonical/ijson";
import { AegisError } from "@aegis/contracts/errors";
import { toolPattern } from "@aegis/contracts/name-patterns";
import type { ParameterRule, ParameterType } from "@aegis/policy/ir";
import { boundFaults } from "@aegis/policy/parameter-bounds";
import type { ParameterRules } from "@aegis/policy/parameters";
import { z } from "zod";
import { type AuthorizationDetail, maxDetails } from "./claims.ts";

/** RFC 9396 §2: the one type there is. It says which calls of one tool a token is good for. */
const toolCallType = "aegis_tool_call";

/** RFC 9396 §10. */
export const detailTypes = [toolCallType] as const;

/** The longest list of authorization details, as JSON, in characters. */
export const maxDetailsLength = 4_096;

const scalar = z.union([z.string().max(256), z.number(), z.boolean(), z.null()]);

/** How a bound is spelled: as in a policy. A pattern is none of them, for of two patterns nobody can tell which is the narrower one. */
const bounds = z.strictObject({
  type: z.enum(["string", "number", "integer", "boolean", "array", "object"]).optional(),
  min: z.number().optional(),
  max: z.number().optional(),
  exclusive_min: z.number().optional(),
  exclusive_max: z.number().optional(),
  enum: z.array(scalar).min(1).max(32).optional(),
  min_length: z.int().min(0).optional(),
  max_length: z.int().min(0).optional(),
  optional: z.boolean().optional(),
});

const toolCall = z.strictObject({
  type: z.literal(toolCallType),
  /** The tool. */
  identifier: z.string().regex(toolPattern),
  /** Absent: each that the scope covers. */
  actions: z.array(z.string().regex(toolPattern)).min(1).max(32).optional(),
  /** Absent: any arguments. */
  parameters: z.record(z.string().min(1).max(128), bounds).optional(),
  additional_parameters: z.enum(["deny", "allow"]).optional(),
});

/** Calls of one tool. */
export interface ToolCalls {
  readonly tool: string;
  /** Absent: every action that the scope covers. */
  readonly actions?: readonly string[] | undefined;
  readonly rules: ParameterRules;
}

/** Authorization details as they are understood here, or why they are not. */
export type ReadDetails = { readonly ok: true; readonly calls: readonly ToolCalls[] } | { readonly ok: false; readonly why: string };

/**
 * Reads the `authorization_details` parameter of a request. What cannot be read in one way only, an unknown type, an unknown member and a
 * value that means nothing are faults (RFC 9396 §5).
 */
export function parseDetails(
  text: string,
): { readonly ok: true; readonly details: AuthorizationDetail[] } | { readonly ok: false; readonly why: string } {
  let value: unknown;
  try {
    value = parseIJsonValue(text, { maxBytes: maxDetailsLength, maxDepth: 8 });
  } catch (error) {
    return { ok: false, why: AegisError.from(error).message };
  }
  if (!Array.isArray(value)) return { ok: false, why: "authorization_details is not an array" };
  const read = readDetails(value);
  return read.ok ? { ok: true, details: value as AuthorizationDetail[] } : read;
}

/** What a verified token's details say; read once for each token. Undefined: its scope alone says what it is good for. */
export function detailsOf(claims: {
  readonly authorization_details?: readonly AuthorizationDetail[] | undefined;
}): ReadDetails | undefined {
  const details = claims.authorization_details;
  if (details === undefined) return undefined;
  let read = known.get(details);
  if (read === undefined) {
    read = readDetails(details);
    known.set(details, read);
  }
  return read;
}

const known = new WeakMap<readonly AuthorizationDetail[], ReadDetails>();

/** Every one has to be understood: a list with one that is not is not understood either. */
export function readDetails(details: readonly unknown[]): ReadDetails {
  if (details.length < 1 || details.length > maxDetails) return { ok: false, why: `1 to ${maxDetails} authorization details are taken` };
  const calls: ToolCalls[] = [];
  for (const [index, detail] of details.entries()) {
    const read = readToolCalls(detail);
    if (typeof read === "string") return { ok: false, why: `authorization_details/${index}${read}` };
    calls.push(read);
  }
  return { ok: true, calls };
}

function readToolCalls(detail: unknown): ToolCalls | string {
  const parsed = toolCall.safeParse(detail);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return `${issue!.path.map((part) => `/${String(part)}`).join("")}: ${issue!.message}`;
  }
  const { identifier: tool, actions, parameters, additional_parameters: additional } = parsed.data;
  if (parameters === undefined) {
    const rules = { rule: "", parameters: [], additional: "allow" } as const;
    return additional === undefined ? { tool, actions, rules } : "/additional_parameters: it goes with parameters";
  }
  // A record leaves this name out when it is read, and then it would be bounded by nothing.
  if (Object.hasOwn((detail as { parameters: JsonObject }).parameters, "__proto__")) return "/parameters: __proto__ is no parameter";
  const read: ParameterRule[] = [];
  for (const [name, written] of Object.entries(parameters)) {
    const rule = ruleOf(name, written);
    const [fault] = boundFaults(rule);
    if (fault !== undefined) return `/parameters/${name}: ${fault.message}`;
    read.push(rule);
  }
  return { tool, actions, rules: { rule: "", parameters: read, additional: additional ?? "deny" } };
}

function ruleOf(name: string, written: z.infer<typeof bounds>): ParameterRule {
  const { exclusive_min: exclusiveMin, exclusive_max: exclusiveMax, min_length: minLength, max_length: maxLength, ...same } = written;
  const numeric = [written.min, written.max, exclusiveMin, exclusiveMax].some((bound) => bound !== undefined);
  const implied: ParameterType | undefined = numeric ? "number" : minLength !== undefined || maxLength !== undefined ? "string" : undefined;
  const rule = {
    ...same,
    type: same.type ?? implied,
    exclusiveMin,
    exclusiveMax,
    minLength,
    maxLength,
    optional: same.optional || undefined,
  };
  const there = Object.fromEntries(Object.entries(rule).filter(([, value]) => value !== undefined));
  return { name, rule: "", ...there };
}
