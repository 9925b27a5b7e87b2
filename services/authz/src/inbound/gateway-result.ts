import type { JsonValue } from "@aegis/canonical/ijson";
import { CallContextSchema } from "@aegis/contracts/aegis/authz/v1/authz";
import { toolPattern } from "@aegis/contracts/name-patterns";
import { create } from "@bufbuild/protobuf";
import { type GatewayRefusal, refusalOf, refusalOfUnusable } from "#domain/gateway-answer.ts";
import type { ObservedRequest, Route } from "#domain/observed-request.ts";
import { keepTools, type ToolResult, toolNames, toolResult } from "#domain/tool-result.ts";
import type { Caller } from "#usecases/work.ts";
import { callerOfRequest, type GatewayUsecases, type Judged, unusableOf } from "./gateway.ts";

/** A tool's answer on its way back. */
export interface Answered {
  readonly judged: Exclude<Judged, { kind: "refused" }>;
  readonly request: ObservedRequest;
  /** The answer's headers. */
  readonly answered: ReadonlyMap<string, string>;
  readonly body: Uint8Array;
  readonly route: Route | undefined;
}

/** What becomes of a tool's answer: it goes back, changed or not, or something else does. */
export type JudgedAnswer =
  | { readonly kind: "goes"; readonly changed?: Uint8Array | undefined }
  | { readonly kind: "refused"; readonly refusal: GatewayRefusal };

/** Judges what a tool answered. @throws AegisError when nothing can be said: the gateway must then refuse. */
export async function judgeAnswer(usecases: GatewayUsecases, answer: Answered): Promise<JudgedAnswer> {
  const { judged, request, answered, body, route } = answer;
  if (judged.kind === "talk" && !judged.lists) return { kind: "goes" };
  const caller = callerOfRequest(usecases, request, "ext_proc", { sanitize: true, obligations: [] });
  try {
    const read = toolResult(answered, body, { mcp: route?.action === undefined });
    if (read === undefined) return unreadable;
    if (judged.kind === "goes") return await withoutFindings(usecases, answer, judged, caller, read);
    return await withCallableTools(usecases, route?.tool ?? "", caller, read);
  } catch (error) {
    const { status, message } = unusableOf(error);
    return { kind: "refused", refusal: refusalOfUnusable({ status: status === 401 ? 401 : 502, message }) };
  }
}

const unreadable: JudgedAnswer = {
  kind: "refused",
  refusal: refusalOfUnusable({ status: 502, message: "what the tool answered cannot be read, and so not be judged" }),
};

async function withCallableTools(usecases: GatewayUsecases, tool: string, caller: Caller, read: ToolResult): Promise<JudgedAnswer> {
  const names = read.parts.flatMap(toolNames).filter((name) => toolPattern.test(name));
  const callable = await usecases.mayAct.callable(caller, tool, names);
  return { kind: "goes", changed: read.rewrite(read.parts.map((part) => keepTools(part, callable))) };
}

async function withoutFindings(
  usecases: GatewayUsecases,
  { request }: Answered,
  { draft, call }: Judged & { kind: "goes" },
  caller: Caller,
  read: ToolResult,
): Promise<JudgedAnswer> {
  const sessionId = request.headers.get("x-aegis-session-id") ?? "";
  const context = create(CallContextSchema, { sessionId });
  const parts: JsonValue[] = [];
  let changes = false;
  for (const value of read.parts) {
    const asked = { agentToken: "", decisionId: draft.id, tool: call.tool, action: call.action, context, content: { value } };
    const decided = await usecases.checkResult(asked, caller);
    const refusal = refusalOf(decided.draft, usecases.statusUrl);
    if (refusal) return { kind: "refused", refusal };
    changes ||= decided.result !== undefined;
    parts.push(decided.result === undefined ? value : decided.result.value);
  }
  return { kind: "goes", changed: changes ? read.rewrite(parts) : undefined };
}
