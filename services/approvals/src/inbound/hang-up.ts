import type { ServerResponse } from "node:http";

/**
 * Aborts when the caller hangs up before it was answered, or when the service stops. The request's own `close` cannot tell: it comes as
 * soon as the body has been read.
 */
export function hangUp(response: ServerResponse, stopping: AbortSignal): AbortSignal {
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  return AbortSignal.any([gone.signal, stopping]);
}
