import { text } from "node:stream/consumers";
import { AegisError, type ErrorCode, errorCodes } from "@aegis/contracts/errors";

export interface HttpCall {
  readonly method?: string;
  readonly bearer?: string;
  readonly json?: unknown;
  readonly form?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * Calls one of our HTTP APIs and gives back its JSON.
 *
 * @throws AegisError with the peer's own code and message; `unavailable` when it cannot be reached.
 */
export async function callJson<T>(url: string, call: HttpCall = {}): Promise<T> {
  const { status, body } = await reaching(url, () => exchange(new URL(url), sent(call)));
  const json = parsed(body);
  if (status < 200 || status > 299) throw peerError(status, json);
  if (json === undefined && status !== 204) throw new AegisError("unavailable", `${new URL(url).origin} did not answer with JSON`);
  return json as T;
}

/** The same, for answers that are not JSON. */
export async function callHttp(url: string, call: HttpCall = {}): Promise<Response> {
  const { body, ...rest } = sent(call);
  const response = await reaching(url, () => fetch(url, { ...rest, redirect: "error", ...(body === undefined ? {} : { body }) }));
  if (response.ok || response.status === 304) return response;
  throw peerError(response.status, await response.json().catch(() => undefined));
}

/** What goes over the wire for a call. */
interface Sent {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body: string | undefined;
  readonly signal: AbortSignal;
}

function sent(call: HttpCall): Sent {
  const body = call.json === undefined ? call.form && new URLSearchParams(call.form).toString() : JSON.stringify(call.json);
  const timeout = AbortSignal.timeout(call.timeoutMs ?? 30_000);
  return {
    method: call.method ?? (body === undefined ? "GET" : "POST"),
    headers: {
      ...(call.json === undefined ? {} : { "content-type": "application/json" }),
      ...(call.form === undefined ? {} : { "content-type": "application/x-www-form-urlencoded;charset=UTF-8" }),
      ...call.headers,
      ...(call.bearer === undefined ? {} : { authorization: `Bearer ${call.bearer}` }),
    },
    body,
    signal: call.signal ? AbortSignal.any([call.signal, timeout]) : timeout,
  };
}

/** One request and its whole answer; a redirect is an answer, and is not followed. */
function exchange(url: URL, { body, ...options }: Sent): Promise<{ readonly status: number; readonly body: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: string }>();
  const length = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
  const request = requestOver(url)(url, { ...options, headers: { ...options.headers, ...length } }, (response) => {
    text(response).then((answer) => resolve({ status: response.statusCode ?? 0, body: answer }), reject);
  });
  request.on("error", reject).end(body);
  return promise;
}

/** Not by `import`: that evaluates every export of `node:http`, WebSocket among them, which takes a command line as long as Node's own start. */
const requestOver = ({ protocol }: URL) =>
  protocol === "https:" ? process.getBuiltinModule("node:https").request : process.getBuiltinModule("node:http").request;

async function reaching<T>(url: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (cause) {
    throw new AegisError("unavailable", `${new URL(url).origin} cannot be reached`, { cause });
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function peerError(status: number, answer: unknown): AegisError {
  const {
    type: _type,
    title,
    status: _status,
    detail,
    code,
    error,
    error_description,
    ...details
  } = (answer ?? {}) as Record<string, unknown>;
  const known = typeof code === "string" && Object.hasOwn(errorCodes, code) ? (code as ErrorCode) : codeOf(status);
  const message = [detail, error_description, error, title].find((part) => typeof part === "string") ?? `HTTP ${status}`;
  return new AegisError(known, String(message), { details: typeof error === "string" ? { ...details, error } : details });
}

function codeOf(status: number): ErrorCode {
  const entry = Object.entries(errorCodes).find(([, value]) => value.http === status);
  return entry ? (entry[0] as ErrorCode) : status < 500 ? "invalid_argument" : "unavailable";
}
