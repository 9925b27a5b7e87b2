import { createHash, randomUUID } from "node:crypto";
import { jwtVerify, SignJWT } from "jose";
import { z } from "zod";
import { readCompact } from "./compact.ts";
import { headerAlgorithmsOf, importPrivateKey, importPublicKey, privateJwk, publicJwk, publicJwkOf, thumbprint } from "./keys.ts";

/** RFC 9449 §4.2. */
const proofType = "dpop+jwt";

/** How far a proof's `iat` may lie from the server's clock, either way, in seconds. */
export const proofWindowSeconds = 60;

/** For how long a spent proof must be remembered at least, in seconds: the whole window, and clocks that differ. */
export const proofMemorySeconds = 300;

/** What a proof must have been made for. */
export interface ProofTarget {
  readonly htm: string;
  /** Any one of these URLs; query and fragment are not compared (RFC 9449 §4.3, point 9). */
  readonly htu: readonly string[];
  /** The access token it comes with; absent at the token endpoint, where there is none yet. */
  readonly accessToken?: string | undefined;
  /** Whether a nonce is one of this server's that is still good; absent where none is asked for. */
  readonly acceptsNonce?: ((nonce: string) => boolean) | undefined;
  readonly now: Date;
}

export type ProofCheck =
  | {
      readonly ok: true;
      /** RFC 7638 thumbprint of the key that made it. */
      readonly jkt: string;
      /** Names this proof among all proofs of all keys: to be spent once. 43 characters of base64url. */
      readonly id: string;
    }
  | { readonly ok: false; readonly error: "invalid_dpop_proof" | "use_dpop_nonce"; readonly why: string };

const proofHeader = z.object({ typ: z.literal(proofType), alg: z.string(), jwk: publicJwk });
const proofClaims = z.object({
  jti: z.string().regex(/^[\x21-\x7e]{1,256}$/),
  htm: z.string(),
  htu: z.string().max(2_048),
  iat: z.int().min(0),
  ath: z.string().optional(),
  nonce: z.string().max(256).optional(),
});

/** SHA-256 of an access token in base64url: `ath` of RFC 9449 §4.2. */
export const tokenHash = (accessToken: string): string => createHash("sha256").update(accessToken, "ascii").digest("base64url");

/**
 * Checks a DPoP proof (RFC 9449 §4.3). That it was not seen before is for the caller to see to, by `id`, once across every replica.
 */
export async function checkProof(proof: string, target: ProofTarget): Promise<ProofCheck> {
  const read = readCompact(proof, { members: ["typ", "alg", "jwk", "kid"], maxLength: 8_192 });
  const header = proofHeader.safeParse(read?.header);
  if (!header.success) return invalid("it is no DPoP proof signed with Ed25519 or P-256");
  const { jwk } = header.data;
  try {
    const key = await importPublicKey(jwk);
    await jwtVerify(proof, key.key, { algorithms: headerAlgorithmsOf(jwk), typ: proofType, currentDate: target.now });
  } catch {
    return invalid("its signature does not verify with its key");
  }
  const claims = proofClaims.safeParse(read?.payload);
  if (!claims.success) return invalid(`its claim ${String(claims.error.issues[0]?.path[0])} is missing or unusable`);
  const { jti, htm, htu, iat, ath, nonce } = claims.data;
  if (htm !== target.htm) return invalid(`its htm is not ${target.htm}`);
  if (!target.htu.some((url) => isSameTarget(url, htu))) return invalid(`its htu is not ${target.htu.join(" or ")}`);
  if (Math.abs(target.now.getTime() / 1000 - iat) > proofWindowSeconds) return invalid(`its iat is more than ${proofWindowSeconds} s away`);
  if (target.accessToken !== undefined && ath !== tokenHash(target.accessToken)) return invalid("its ath is not the access token's");
  if (target.acceptsNonce !== undefined && (nonce === undefined || !target.acceptsNonce(nonce))) {
    return { ok: false, error: "use_dpop_nonce", why: "the proof needs the nonce of the DPoP-Nonce header" };
  }
  const jkt = await thumbprint(jwk);
  return { ok: true, jkt, id: createHash("sha256").update(`${jkt}.${jti}`).digest("base64url") };
}

/** Makes a proof for one request, as a client does. */
export async function signProof(options: {
  readonly privateJwk: unknown;
  readonly htm: string;
  readonly htu: string;
  readonly accessToken?: string | undefined;
  readonly nonce?: string | undefined;
  readonly now?: Date;
}): Promise<string> {
  const key = await importPrivateKey(options.privateJwk);
  const { kid: _, use: _use, alg: _alg, ...jwk } = publicJwkOf(privateJwk.parse(options.privateJwk));
  const { htm, htu, accessToken, nonce } = options;
  return new SignJWT({
    jti: randomUUID(),
    htm,
    htu,
    ...(accessToken === undefined ? {} : { ath: tokenHash(accessToken) }),
    ...(nonce === undefined ? {} : { nonce }),
  })
    .setProtectedHeader({ typ: proofType, alg: key.alg, jwk })
    .setIssuedAt(Math.floor((options.now ?? new Date()).getTime() / 1000))
    .sign(key.key);
}

/** Compared as RFC 3986 §6.2.2 and §6.2.3 have it, which is what a URL parser does. */
function isSameTarget(wanted: string, given: string): boolean {
  const [a, b] = [URL.parse(wanted), URL.parse(given)];
  return a !== null && b !== null && a.origin === b.origin && a.pathname === b.pathname && b.username === "" && b.password === "";
}

const invalid = (why: string): ProofCheck => ({ ok: false, error: "invalid_dpop_proof", why: `the DPoP proof is not valid: ${why}` });
