import type { JsonObject, JsonValue } from "@aegis/canonical/ijson";
import { toolPattern } from "@aegis/contracts/name-patterns";
import { type HttpCall, jsonBody, type ObservedRequest, Unusable } from "./observed-request.ts";

/** A message of the protocol itself: it calls no tool, and needs nothing but an agent that may act. */
export interface McpTalk {
  readonly kind: "talk";
  /** The answer lists the server's tools. */
  readonly lists: boolean;
}

/** What needs no permission of its own. */
const talk: ReadonlySet<string> = new Set([
  ...["initialize", "ping", "server/discover", "tools/list", "logging/setLevel"],
  ...["notifications/initialized", "notifications/cancelled", "notifications/progress", "notifications/roots/list_changed"],
]);

/** Whether a method belongs to the protocol itself, and needs no permission of its own. */
export const isProtocolTalk = (method: string): boolean => talk.has(method);

/** What a call may hold beside its arguments. Anything else would go past the policies. */
const membersOfCall: ReadonlySet<string> = new Set(["name", "arguments", "_meta", "task"]);

/**
 * Reads one MCP message: `tools/call` is the tool's own action; what belongs to the protocol is talk; every other method is the action
 * `mcp:<method>`, which a policy must name.
 */
export function mcpCall(request: ObservedRequest, server: string): HttpCall | McpTalk | Unusable {
  if (request.method === "DELETE" && request.body.length === 0) return { kind: "talk", lists: false };
  if (request.method !== "POST") return new Unusable("an MCP server is called with POST", 405);
  const message = jsonBody(request);
  if (message instanceof Unusable) return message;
  if (message === undefined) return new Unusable("the MCP message is missing", 400);
  const { jsonrpc, method, id, params = Object.create(null) } = message;
  if (jsonrpc !== "2.0") return new Unusable("the body is not one JSON-RPC 2.0 message", 400);
  if (typeof method !== "string" || "result" in message || "error" in message)
    return new Unusable("a client's answers to an MCP server cannot be judged, and are not passed on");
  if (!isObject(params)) return new Unusable("params is not an object", 400);
  const named = params.name ?? params.uri;
  if (disagrees(request, "mcp-method", method)) return new Unusable("Mcp-Method and the message disagree");
  if (disagrees(request, "mcp-name", named)) return new Unusable("Mcp-Name and the message disagree");
  if (isProtocolTalk(method)) return { kind: "talk", lists: method === "tools/list" };
  if (typeof id !== "string" && typeof id !== "number") return new Unusable(`${method.slice(0, 64)} without an id would be done unseen`);
  if (method !== "tools/call") return otherMethod(server, message, method, params);
  const { name, arguments: given = Object.create(null) } = params;
  if (typeof name !== "string" || !toolPattern.test(name)) return new Unusable(`the tool's name must match ${toolPattern.source}`, 400);
  if (name.startsWith("mcp:")) return new Unusable("no tool's name may begin with mcp:", 400);
  if (!isObject(given)) return new Unusable("arguments is not an object", 400);
  const unknown = Object.keys(params).find((member) => !membersOfCall.has(member));
  if (unknown !== undefined) return new Unusable("params holds a member that no policy sees", 400);
  return {
    ...{ kind: "call", tool: server, action: name, arguments: given },
    rewrite: (sanitized) => ({ body: toBytes({ ...message, params: { ...params, arguments: sanitized } }) }),
  };
}

function otherMethod(server: string, message: JsonObject, method: string, params: JsonObject): HttpCall | Unusable {
  const action = `mcp:${method}`;
  if (!toolPattern.test(action)) return new Unusable("the method's name cannot be an action's", 400);
  const { _meta, ...rest } = params;
  return {
    ...{ kind: "call", tool: server, action, arguments: rest },
    rewrite: (sanitized) => ({ body: toBytes({ ...message, params: { ...(_meta !== undefined && { _meta }), ...sanitized } }) }),
  };
}

const disagrees = ({ headers }: ObservedRequest, header: string, value: unknown): boolean => {
  const said = headers.get(header);
  return said !== undefined && said !== value;
};

export const isObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const toBytes = (value: JsonValue) => Buffer.from(JSON.stringify(value));
