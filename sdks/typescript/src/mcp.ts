import { toolPattern } from "@aegis/contracts/name-patterns";
import type { ToolCall } from "./client.ts";

/**
 * What a request of the Model Context Protocol (2025-06-18, "Calling Tools") means to policy: the server's name is the tool,
 * the MCP tool's name is the action. Anything that is not a well-formed `tools/call` gives undefined: do not execute it.
 */
export function mcpCall(
  server: string,
  request: { readonly method: string; readonly params?: unknown },
): Pick<ToolCall, "tool" | "action" | "arguments"> | undefined {
  if (request.method !== "tools/call" || !isObject(request.params)) return undefined;
  const { name, arguments: args = {} } = request.params;
  if (typeof name !== "string" || !toolPattern.test(name) || !toolPattern.test(server) || !isObject(args)) return undefined;
  return { tool: server, action: name, arguments: args };
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);
