import type { Caller } from "#usecases/work.ts";

/** Reads an `authorization` header; undefined when it holds no token of a kind that we know. */
export function authorizationOf(text: string): Caller["authorization"] {
  const [, scheme, token] = /^(Bearer|DPoP) (\S+)$/i.exec(text) ?? [];
  if (token === undefined) return undefined;
  return { scheme: scheme?.toLowerCase() === "dpop" ? "DPoP" : "Bearer", token };
}

/** W3C Trace Context, version 00. */
export const traceContext = /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;
