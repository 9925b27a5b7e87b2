import { type JWTPayload, type JWTVerifyGetKey, jwtVerify } from "jose";
import { readCompact } from "./compact.ts";

/** Algorithms that a trusted issuer may sign with; each issuer's are a choice of these. */
export const outsideAlgorithms = ["EdDSA", "Ed25519", "ES256", "RS256", "PS256"] as const;
export type OutsideAlgorithm = (typeof outsideAlgorithms)[number];

/** What is believed of an issuer that is not ours. */
export interface OutsideTrust {
  readonly issuer: string;
  /** The tokens must be meant for this; a token for somebody else is not taken. */
  readonly audience: string;
  readonly algorithms: readonly OutsideAlgorithm[];
  /** Finds the key for a header, in the issuer's key set alone. */
  readonly keys: JWTVerifyGetKey;
}

/** A verified token of an outside issuer. */
export interface OutsideClaims extends JWTPayload {
  readonly iss: string;
  readonly sub: string;
  /** NumericDate, whole seconds. */
  readonly exp: number;
}

/** Names of keys may be there, and are not acted on; keys themselves, and where to find them, may not. */
const spelling = { members: ["alg", "kid", "typ", "x5t", "x5t#S256"], maxLength: 16_384 };
const types = [undefined, "JWT", "at+jwt", "application/at+jwt"];
const skewSeconds = 60;

/** The issuer a token says it is from, not yet verified; undefined when it is no JWT of one spelling. */
export function claimedIssuer(token: string): string | undefined {
  const iss = readCompact(token, spelling)?.payload.iss;
  return typeof iss === "string" ? iss : undefined;
}

/** Verifies a JWT of a trusted issuer: an OpenID Connect ID token, a Kubernetes service account's token, a SPIFFE JWT-SVID. */
export async function verifyOutside(token: string, trust: OutsideTrust, now: Date): Promise<OutsideClaims | undefined> {
  const read = readCompact(token, spelling);
  if (read === undefined || !types.some((type) => type === read.header.typ)) return undefined;
  try {
    const { payload } = await jwtVerify(token, trust.keys, {
      algorithms: [...trust.algorithms],
      issuer: trust.issuer,
      audience: trust.audience,
      currentDate: now,
      requiredClaims: ["exp", "sub"],
    });
    const { iss, sub, exp, iat } = payload;
    if (typeof iss !== "string" || typeof sub !== "string" || sub === "" || !Number.isSafeInteger(exp)) return undefined;
    if (iat !== undefined && !(iat <= now.getTime() / 1000 + skewSeconds)) return undefined;
    return { ...payload, iss, sub, exp: exp! };
  } catch {
    return undefined;
  }
}
