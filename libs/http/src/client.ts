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
  const response = await callHttp(url, call);
  return (response.status === 204 ? undefined : await response.json()) as T;
}

/** The same, for answers that are not JSON. */
export async function callHttp(url: string, call: HttpCall = {}): Promise<Response> {
  const headers = new Headers(call.headers);
  if (call.bearer !== undefined) headers.set("authorization", `Bearer ${call.bearer}`);
  if (call.json !== undefined) headers.set("content-type", "application/json");
  const body = call.json === undefined ? (call.form ? new URLSearchParams(call.form) : undefined) : JSON.stringify(call.json);
  const timeout = AbortSignal.timeout(call.timeoutMs ?? 30_000);
  let response: Response;
  try {
    response = await fetch(url, {
      method: call.method ?? (body === undefined ? "GET" : "POST"),
      headers,
      redirect: "error",
      signal: call.signal ? AbortSignal.any([call.signal, timeout]) : timeout,
      ...(body === undefined ? {} : { body }),
    });
  } catch (cause) {
    throw new AegisError("unavailable", `${new URL(url).origin} cannot be reached`, { cause });
  }
  if (response.ok || response.status === 304) return response;
  throw await peerError(response);
}

async function peerError(response: Response): Promise<AegisError> {
  const body = (await response.json().catch(() => ({}))) as Record<string, unknown>;
  const { type: _type, title, status: _status, detail, code, error, error_description, ...details } = body;
  const known = typeof code === "string" && Object.hasOwn(errorCodes, code) ? (code as ErrorCode) : codeOf(response.status);
  const message = [detail, error_description, error, title].find((text) => typeof text === "string") ?? `HTTP ${response.status}`;
  return new AegisError(known, String(message), { details: typeof error === "string" ? { ...details, error } : details });
}

function codeOf(status: number): ErrorCode {
  const entry = Object.entries(errorCodes).find(([, value]) => value.http === status);
  return entry ? (entry[0] as ErrorCode) : status < 500 ? "invalid_argument" : "unavailable";
}
