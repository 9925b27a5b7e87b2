import { type JsonObject, parseIJson } from "@aegis/canonical/ijson";
import { AegisError } from "@aegis/contracts/errors";
import { decodeQuery } from "./query.ts";

/** An HTTP request as a gateway saw it. */
export interface ObservedRequest {
  readonly method: string;
  readonly scheme: string;
  readonly host: string;
  /** With its query. */
  readonly path: string;
  /** By name in lower case; values of one name joined with commas. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Uint8Array;
}

/** What the gateway's operator says of a route. */
export interface Route {
  readonly tool: string;
  /** Absent where the route leads to an MCP server: the message says which action it is. */
  readonly action?: string | undefined;
}

/** A request that no decision can be made on, with the HTTP status that says so. */
export class Unusable {
  readonly kind = "unusable";
  readonly status: 400 | 403 | 405;
  readonly message: string;

  constructor(message: string, status: 400 | 403 | 405 = 403) {
    this.message = message;
    this.status = status;
  }
}

const unusable = (message: string, status?: Unusable["status"]) => new Unusable(message, status);

/** Runs a strict reader; what it refuses is unusable. */
export function orUnusable<T>(read: () => T): T | Unusable {
  try {
    return read();
  } catch (error) {
    if (error instanceof AegisError && error.code === "invalid_argument") return unusable(error.message, 400);
    throw error;
  }
}

/**
 * Why no decision can be made on what is before us, before anything is read from it: part of the body is missing, or the path is one
 * that gateway and upstream may read differently.
 */
export function refuseForm({ headers, body, path, host }: ObservedRequest): Unusable | undefined {
  const partial = headers.get("x-envoy-auth-partial-body");
  if (partial !== undefined && partial !== "false") return unusable("the body was truncated before it could be judged");
  const announced = headers.get("content-length");
  if (announced !== undefined && announced !== String(body.length))
    return unusable("the body is not all there: the gateway must send the whole of it to be judged");
  if (headers.has("transfer-encoding") && body.length === 0 && partial === undefined)
    return unusable("the gateway does not send the body to be judged");
  if (host === "" || /[^\x21-\x7e]|[/@?#\\,]/.test(host)) return unusable("the request names no usable host", 400);
  const [plain = ""] = path.split("?", 1);
  if (!plain.startsWith("/") || path.includes("#")) return unusable("the path is not in origin form", 400);
  const ambiguous =
    /\\|\/\/|%(?:2f|5c|00|25)|[^\x21-\x7e]|%(?![0-9a-f]{2})/i.test(plain) || /\/\.{1,2}(?:[/;]|$)/.test(plain.replace(/%2e/gi, "."));
  return ambiguous ? unusable("the path can be read in more than one way: send it normalised, without encoded slashes", 400) : undefined;
}

/** Where the request goes. */
export const destinationOf = ({ scheme, host, path, method }: ObservedRequest) => ({ url: `${scheme}://${host}${path}`, method });

/** The body as JSON; undefined when there is none. */
export function jsonBody({ headers, body }: ObservedRequest): JsonObject | Unusable | undefined {
  if (body.length === 0) return undefined;
  const encoding = headers.get("content-encoding");
  if (encoding !== undefined && encoding.toLowerCase() !== "identity") return unusable("a compressed body cannot be judged");
  if (!/^application\/(?:[\w.-]+\+)?json\s*(?:;\s*charset="?utf-8"?\s*)?$/i.test(headers.get("content-type") ?? ""))
    return unusable("a body must be application/json to be judged");
  return orUnusable(() => parseIJson(body));
}

/** The call of a plain HTTP tool: its arguments are the members of its JSON body and of its query. */
export interface HttpCall {
  readonly kind: "call";
  readonly tool: string;
  readonly action: string;
  readonly arguments: JsonObject;
  /** The request again, with these arguments in their places. */
  readonly rewrite: (sanitized: JsonObject) => Rewritten;
}

/** What goes to the upstream instead. */
interface Rewritten {
  readonly body?: Uint8Array;
  readonly path?: string;
}

/** Reads the call of a plain HTTP tool. */
export function httpCall(request: ObservedRequest, { tool, action }: { tool: string; action: string }): HttpCall | Unusable {
  const body = jsonBody(request);
  if (body instanceof Unusable) return body;
  const [plain = "", ...rest] = request.path.split("?");
  const query = orUnusable(() => decodeQuery(rest.join("?")));
  if (query instanceof Unusable) return query;
  const named = Object.keys(query);
  const twice = named.find((name) => body !== undefined && Object.hasOwn(body, name));
  if (twice !== undefined) return unusable("an argument is given in the query and in the body", 400);
  const all: JsonObject = Object.assign(Object.create(null), query, body);
  return {
    ...{ kind: "call", tool, action, arguments: all },
    rewrite: (sanitized) => {
      const inBody = Object.fromEntries(Object.entries(sanitized).filter(([name]) => !Object.hasOwn(query, name)));
      return {
        ...(body !== undefined && { body: Buffer.from(JSON.stringify(inBody)) }),
        ...(named.length > 0 && { path: `${plain}?${encodeQuery(named, sanitized)}` }),
      };
    },
  };
}

function encodeQuery(names: readonly string[], values: JsonObject): string {
  const pairs = names.flatMap((name) => [values[name] ?? []].flat().map((value) => [name, String(value)]));
  return pairs.map((pair) => pair.map((text) => encodeURIComponent(text ?? "")).join("=")).join("&");
}
