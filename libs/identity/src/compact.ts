import { type JsonObject, parseIJson } from "@aegis/canonical/ijson";

/** A compact JWS taken apart; nothing of it is verified. */
export interface CompactJws {
  readonly header: JsonObject;
  readonly payload: JsonObject;
}

export interface CompactOptions {
  /** Header members that may be there; any other is refused, so that nothing in a header is ever acted on unseen. */
  readonly members: readonly string[];
  /** In characters. */
  readonly maxLength: number;
}

const limits = { maxBytes: 64 * 1024, maxDepth: 16 };

/**
 * Reads a JWT in compact form (RFC 7515 §7.1) that has one spelling and one meaning: base64url without padding, white space or
 * left-over bits (RFC 4648 §3.5), header and claims as JSON objects without duplicate members (RFC 7515 §4, RFC 8725 §2.4).
 * Undefined for anything else, also for a JWE, a nested JWT and every JSON serialization.
 */
export function readCompact(jws: string, { members, maxLength }: CompactOptions): CompactJws | undefined {
  if (jws.length > maxLength) return undefined;
  const [header, payload, signature, ...rest] = jws.split(".");
  if (header === undefined || payload === undefined || signature === undefined || rest.length > 0) return undefined;
  if (![header, payload, signature].every(isCanonical)) return undefined;
  try {
    const read = { header: parseIJson(bytes(header), limits), payload: parseIJson(bytes(payload), limits) };
    return Object.keys(read.header).every((member) => members.includes(member)) ? read : undefined;
  } catch {
    return undefined;
  }
}

const bytes = (segment: string): Uint8Array => Buffer.from(segment, "base64url");

/** The last character of a segment may hold bits that decode to nothing: of the spellings that decode alike only one is taken. */
const isCanonical = (segment: string): boolean => segment !== "" && Buffer.from(segment, "base64url").toString("base64url") === segment;
