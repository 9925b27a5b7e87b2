import { AegisError } from "@aegis/contracts/errors";
import { errors, jwtVerify } from "jose";
import { type AgentClaims, agentClaims } from "./claims.ts";
import { readCompact } from "./compact.ts";
import { type JwksCache, type JwksSource, jwksFrom, KeySet } from "./key-set.ts";
import { keyAlgorithms } from "./keys.ts";

/** The audience of every agent's token. */
export const agentAudience = "aegis";

/** RFC 9068 §2.1. */
export const accessTokenType = "at+jwt";

/** The longest token that is looked at, in characters. */
export const maxTokenLength = 16_384;

export type VerifiedToken =
  | { readonly ok: true; readonly claims: AgentClaims }
  /** Genuine, but its time has passed: the claims may be reported, not relied on. */
  | { readonly ok: false; readonly why: "expired"; readonly claims: AgentClaims }
  | { readonly ok: false; readonly why: "invalid" };

export interface AgentTokenVerifier {
  /**
   * Verifies an agent's access token. A bad token is a value, not an error.
   *
   * @throws AegisError `unavailable` while the issuer's keys were never had: nothing can be said about any token then.
   */
  verify(token: string): Promise<VerifiedToken>;
  /** The result for a token already verified, without waiting; undefined when it has to be verified first. */
  cached(token: string): VerifiedToken | undefined;
}

export interface AgentTokenVerifierOptions {
  readonly issuer: string;
  readonly audience?: string;
  /** A URL, or how to fetch the set. */
  readonly jwks: string | JwksSource;
  readonly cache?: JwksCache | undefined;
  readonly clock?: { now(): Date };
  /** How far `iat` and `nbf` may lie ahead, in seconds. `exp` gets no leeway. */
  readonly skewSeconds?: number;
  /** Verified tokens kept, least recently used dropped first. */
  readonly cacheSize?: number;
  readonly cooldownMs?: number;
  readonly timeoutMs?: number;
}

interface Entry {
  readonly claims: AgentClaims;
  readonly generation: number;
  /** When its key ends, in milliseconds since the epoch. */
  readonly until: number;
  readonly answer: VerifiedToken;
}

/**
 * Verifies agents' access tokens against the issuer's JWK set. The algorithm is the key's, never the token's; keys come
 * from the set alone. A header that says more than `alg`, `kid` and `typ` is refused, whatever it says.
 */
export function agentTokenVerifier(options: AgentTokenVerifierOptions): AgentTokenVerifier {
  const { issuer, audience = agentAudience, skewSeconds = 60, cacheSize = 10_000 } = options;
  const clock = options.clock ?? { now: () => new Date() };
  const keys = new KeySet({
    source: typeof options.jwks === "string" ? jwksFrom(options.jwks) : options.jwks,
    cache: options.cache,
    now: () => clock.now().getTime(),
    ...(options.cooldownMs === undefined ? {} : { cooldownMs: options.cooldownMs }),
    ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
  });
  const verified = new Map<string, Entry>();

  const cached = (token: string): VerifiedToken | undefined => {
    const entry = verified.get(token);
    if (entry === undefined) return undefined;
    // A key taken out of the set takes its tokens with it.
    const now = clock.now().getTime();
    const expired = entry.claims.exp * 1000 <= now;
    const useless = entry.generation !== keys.generation || entry.until <= now;
    // Moving a token to the end with every call would cost more than finding it: its place matters only once some have to go.
    if (expired || useless || verified.size > cacheSize / 2) verified.delete(token);
    if (useless) return undefined;
    if (expired) return { ok: false, why: "expired", claims: entry.claims };
    if (verified.size >= cacheSize / 2) verified.set(token, entry);
    return entry.answer;
  };

  const remember = (token: string, claims: AgentClaims, generation: number, until = Number.POSITIVE_INFINITY): void => {
    verified.set(token, { claims, generation, until, answer: { ok: true, claims } });
    if (verified.size > cacheSize) verified.delete(verified.keys().next().value!);
  };

  return {
    cached,
    async verify(token) {
      const known = cached(token);
      if (known !== undefined) return known;
      const kid = keyNameOf(token);
      if (kid === undefined) return invalid;
      const key = await keys.get(kid);
      if (key === undefined) {
        if (!keys.known) throw new AegisError("unavailable", "the token issuer's keys cannot be had");
        return invalid;
      }
      const generation = keys.generation;
      const now = clock.now();
      try {
        const { payload } = await jwtVerify(token, key.key, {
          algorithms: [key.alg],
          typ: accessTokenType,
          issuer,
          audience,
          currentDate: now,
        });
        const claims = acceptable(payload, now, skewSeconds);
        if (claims === undefined) return invalid;
        remember(token, claims, generation, key.until);
        return { ok: true, claims };
      } catch (error) {
        if (!(error instanceof errors.JWTExpired)) return invalid;
        const claims = acceptable(error.payload, now, skewSeconds);
        return claims === undefined ? invalid : { ok: false, why: "expired", claims };
      }
    },
  };
}

const invalid: VerifiedToken = { ok: false, why: "invalid" };

/** The key a well-formed header names; undefined for a token that is not spelled as the issuer spells its own. */
function keyNameOf(token: string): string | undefined {
  const header = readCompact(token, { members: ["alg", "kid", "typ"], maxLength: maxTokenLength })?.header;
  const usable = header?.typ === accessTokenType && keyAlgorithms.some((alg) => alg === header.alg);
  return usable && typeof header.kid === "string" && header.kid.length <= 128 ? header.kid : undefined;
}

function acceptable(payload: unknown, now: Date, skewSeconds: number): AgentClaims | undefined {
  const parsed = agentClaims.safeParse(payload);
  if (!parsed.success) return undefined;
  const latest = now.getTime() / 1000 + skewSeconds;
  return parsed.data.iat > latest ? undefined : Object.freeze(parsed.data);
}
