import type { JsonObject } from "@aegis/canonical/ijson";
import { CallContextSchema } from "@aegis/contracts/aegis/authz/v1/authz";
import {
  AuthorizationError_Code,
  ExtMcp,
  type McpHeader,
  type McpRequest,
  type McpRequestResultSchema,
  type McpResponse,
  type McpResponseResultSchema,
} from "@aegis/contracts/agentgateway/ext_mcp";
import { toolPattern } from "@aegis/contracts/name-patterns";
import type { RpcServer } from "@aegis/rpc/server";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type GatewayMessage, listedTools, paramsOf, requestOf, resultOf, serverOf, settingOf } from "#domain/ext-mcp.ts";
import { decisionHeaders, type GatewayRefusal, refusalOf, refusalOfAgent, refusalOfUnusable } from "#domain/gateway-answer.ts";
import { isProtocolTalk } from "#domain/mcp-call.ts";
import { Unusable } from "#domain/observed-request.ts";
import { keepTools, toolNames } from "#domain/tool-result.ts";
import type { Caller } from "#usecases/work.ts";
import { type GatewayUsecases, judgeRead, ourHeaders, readRequest, unusableOf } from "./gateway.ts";
import { authorizationOf } from "./presented.ts";

type RequestResult = MessageInitShape<typeof McpRequestResultSchema>;
type ResponseResult = MessageInitShape<typeof McpResponseResultSchema>;

/**
 * Serves `agentgateway.dev.ext_mcp.ExtMcp`, by which agentgateway shows MCP messages and their answers. What cannot be decided is a gRPC
 * error, which the gateway must take for a refusal (`failureMode: failClosed`).
 */
export function serveExtMcp(server: RpcServer, usecases: GatewayUsecases): void {
  server.serve(ExtMcp, {
    checkRequest: (request) => checkRequest(usecases, request),
    checkResponse: (response) => checkResponse(usecases, response),
  });
}

const can = { sanitize: true, obligations: [] };

async function checkRequest(usecases: GatewayUsecases, asked: McpRequest): Promise<RequestResult> {
  const message = messageOf(asked);
  const request = requestOf(message, asked.mcpRequest, headersOf(asked.headers));
  if (request instanceof Unusable) return refuse(refusalOfUnusable(request));
  const server = serverOf(message);
  // A list that is put together of several servers' tools is talk; whatever else goes to several cannot be one call.
  if (server === undefined && !isProtocolTalk(message.method))
    return refuse(refusalOfUnusable(new Unusable("the gateway names no server, or several, for one call", 403)));
  const read = readRequest(request, { tool: server ?? "several" });
  const url = settingOf(message, "aegis_url");
  const destination = url === undefined ? undefined : { url, method: "POST" };
  const judged = await judgeRead(usecases, request, read, { pep: "ext_mcp", can, destination });
  if (judged.kind === "refused") return refuse(judged.refusal);
  const removed = ourHeaders(request);
  if (judged.kind === "talk") return { result: { case: "pass", value: {} }, headerMutation: { set: [], remove: removed } };
  const { draft, call } = judged;
  const told = { ...decisionHeaders(draft), "x-aegis-action": call.action };
  const { body } = draft.sanitized ? call.rewrite(draft.sanitized.arguments) : {};
  return {
    result: body === undefined ? { case: "pass", value: {} } : { case: "mutated", value: paramsOf(body) },
    headerMutation: {
      set: Object.entries(told).map(([key, value]) => ({ key, value: Buffer.from(value) })),
      remove: removed.filter((name) => !Object.hasOwn(told, name)),
    },
    metadata: { decision: draft.decision, decision_id: draft.id, action_digest: draft.actionDigest },
  };
}

async function checkResponse(usecases: GatewayUsecases, answered: McpResponse): Promise<ResponseResult> {
  const message = messageOf(answered);
  const authorization = authorizationOf(settingOf(message, "authorization") ?? "");
  const caller: Caller = { authorization, path: "", traceparent: undefined, arrived: performance.now(), pep: "ext_mcp", can };
  try {
    const refusal = await usecases.mayAct.refusal(caller);
    if (refusal) return refuse(refusalOfAgent(refusal));
    const result = resultOf(answered.mcpResponse);
    if (message.method === "tools/list") return await onlyCallable(usecases, message, caller, result);
    return isProtocolTalk(message.method) ? passed : await withoutFindings(usecases, message, caller, result);
  } catch (error) {
    return refuse(refusalOfUnusable(unusableOf(error)));
  }
}

const passed: ResponseResult = { result: { case: "pass", value: {} } };

async function onlyCallable(
  usecases: GatewayUsecases,
  message: GatewayMessage,
  caller: Caller,
  result: JsonObject,
): Promise<ResponseResult> {
  const listed = listedTools(message, toolNames(result)).filter(({ tool }) => toolPattern.test(tool));
  const kept = new Set<string>();
  for (const server of new Set(listed.map((one) => one.server))) {
    const own = listed.filter((one) => one.server === server);
    const callable = await usecases.mayAct.callable(
      caller,
      server,
      own.map(({ tool }) => tool),
    );
    for (const { name, tool } of own) if (callable.has(tool)) kept.add(name);
  }
  return mutated(keepTools(result, kept));
}

async function withoutFindings(
  usecases: GatewayUsecases,
  message: GatewayMessage,
  caller: Caller,
  result: JsonObject,
): Promise<ResponseResult> {
  const [tool, decisionId] = [serverOf(message), settingOf(message, "aegis_decision_id")];
  const action = message.method === "tools/call" ? settingOf(message, "aegis_action") : `mcp:${message.method}`;
  if (tool === undefined || action === undefined || decisionId === undefined)
    return refuse(refusalOfUnusable(new Unusable("the gateway does not say which call this answers: set its metadata", 403)));
  const context = create(CallContextSchema, { sessionId: settingOf(message, "aegis_session_id") ?? "" });
  const asked = { agentToken: "", decisionId, tool, action, context, content: { value: result } };
  const decided = await usecases.checkResult(asked, caller);
  const refusal = refusalOf(decided.draft, usecases.statusUrl);
  if (refusal) return refuse(refusal);
  return decided.result === undefined ? passed : mutated(decided.result.value);
}

const mutated = (value: unknown): ResponseResult => ({ result: { case: "mutated", value: Buffer.from(JSON.stringify(value)) } });

function refuse({ status, body }: GatewayRefusal) {
  const { reasons = [] } = JSON.parse(body) as { reasons?: { message: string }[] };
  const code =
    status === 429
      ? AuthorizationError_Code.RESOURCE_EXHAUSTED
      : status === 400 || status === 405
        ? AuthorizationError_Code.INVALID
        : AuthorizationError_Code.PERMISSION_DENIED;
  const value = { code, reason: reasons[0]?.message ?? "refused", mcpError: Buffer.from(body) };
  return { result: { case: "error" as const, value } };
}

const messageOf = ({ serviceNames, method, metadataContext }: McpRequest | McpResponse): GatewayMessage => ({
  services: serviceNames,
  method,
  metadata: (metadataContext ?? {}) as JsonObject,
});

function headersOf(headers: readonly McpHeader[]): Map<string, string> {
  const names = new Map<string, string>();
  for (const { key, value } of headers) {
    const [name, text] = [key.toLowerCase(), Buffer.from(value).toString()];
    const known = names.get(name);
    names.set(name, known === undefined ? text : `${known},${text}`);
  }
  return names;
}
