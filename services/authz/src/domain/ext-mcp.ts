import { type JsonObject, parseIJson } from "@aegis/canonical/ijson";
import { toolPattern } from "@aegis/contracts/name-patterns";
import { type ObservedRequest, orUnusable, Unusable } from "./observed-request.ts";

/** What a gateway says of one MCP message, beside the message. */
export interface GatewayMessage {
  /** Names of the servers that it goes to; one, but for lists that are put together. */
  readonly services: readonly string[];
  readonly method: string;
  /** What the gateway's operator has it say. */
  readonly metadata: JsonObject;
}

/** Names in the gateway's `metadata` that are heard. */
type Setting = "authorization" | "aegis_tool" | "aegis_url" | "aegis_action" | "aegis_decision_id" | "aegis_session_id";

/** What the operator has the gateway say under a name; undefined when it is no text. */
export function settingOf({ metadata }: Pick<GatewayMessage, "metadata">, name: Setting): string | undefined {
  const value = Object.hasOwn(metadata, name) ? metadata[name] : undefined;
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** The tool: what the operator calls it, or the one server's name. */
export function serverOf(message: GatewayMessage): string | undefined {
  const [service] = message.services;
  const tool = settingOf(message, "aegis_tool") ?? (message.services.length === 1 ? service : undefined);
  return tool !== undefined && toolPattern.test(tool) ? tool : undefined;
}

/** The message as it would have come over HTTP, so that it is read like any other. The gateway has read its headers against it already. */
export function requestOf(
  { method }: GatewayMessage,
  params: Uint8Array | undefined,
  headers: ReadonlyMap<string, string>,
): ObservedRequest | Unusable {
  const read = params === undefined ? undefined : orUnusable(() => parseIJson(params));
  if (read instanceof Unusable) return read;
  const message = { jsonrpc: "2.0", ...(!method.startsWith("notifications/") && { id: 1 }), method, ...(read && { params: read }) };
  const said = new Map([...headers].filter(([name]) => name === "authorization" || name === "traceparent" || name.startsWith("x-aegis-")));
  return {
    ...{ method: "POST", scheme: "", host: "", path: "" },
    headers: said.set("content-type", "application/json"),
    body: Buffer.from(JSON.stringify(message)),
  };
}

/** The `params` of a message that was rewritten. */
export const paramsOf = (body: Uint8Array): Uint8Array => Buffer.from(JSON.stringify(parseIJson(body).params ?? {}));

/** A tool in a list, and the server it belongs to. */
interface Listed {
  readonly name: string;
  readonly server: string;
  readonly tool: string;
}

/**
 * The tools of a list by their servers. Where the list is put together of several servers', the gateway writes `server_tool`; a name that
 * can be read as two servers' is nobody's.
 */
export function listedTools(message: GatewayMessage, names: readonly string[]): Listed[] {
  const only = serverOf(message);
  if (message.services.length === 1) return only === undefined ? [] : names.map((name) => ({ name, server: only, tool: name }));
  return names.flatMap((name) => {
    const owners = message.services.filter((service) => toolPattern.test(service) && name.startsWith(`${service}_`));
    const [server] = owners;
    return server === undefined || owners.length > 1 ? [] : [{ name, server, tool: name.slice(server.length + 1) }];
  });
}

/** What a server answered. @throws AegisError `invalid_argument`. */
export const resultOf = (bytes: Uint8Array): JsonObject => parseIJson(bytes);
