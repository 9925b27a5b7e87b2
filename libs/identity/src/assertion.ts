import { namePattern } from "@aegis/contracts/name-patterns";
import { agentName, tenantName } from "@aegis/contracts/names";
import { jwtVerify, SignJWT } from "jose";
import { z } from "zod";
import { readCompact } from "./compact.ts";
import { headerAlgorithmsOf, importPrivateKey, importPublicKey, type PublicJwk } from "./keys.ts";

/** RFC 7523 §2.2: the value of `client_assertion_type`. */
export const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/** The longest life of a client assertion, in seconds. */
export const maxAssertionSeconds = 300;

/** How far a client's clock may be ahead of the server's, in seconds. */
const skewSeconds = 30;

export interface AgentRef {
  readonly tenant: string;
  readonly agent: string;
}

/** An agent's OAuth client identifier, `<tenant>/<agent>`: the same name in two tenants is two clients. */
export const clientId = (ref: AgentRef): string => `${ref.tenant}/${ref.agent}`;

/** The agent a client identifier names; undefined when it is none. */
export function parseClientId(text: string): AgentRef | undefined {
  const [tenant = "", agent = "", ...rest] = text.split("/");
  return rest.length === 0 && namePattern.test(tenant) && namePattern.test(agent) ? { tenant, agent } : undefined;
}

/** Claims of a client assertion that matter after it was verified. */
export interface ClientAssertion {
  readonly client: AgentRef;
  /** Single use. */
  readonly tokenId: string;
  /** Whole seconds since the epoch: until then the `tokenId` must be remembered. */
  readonly expires: number;
}

const assertionClaims = z.object({
  iss: z.string(),
  sub: z.string(),
  aud: z.union([z.string(), z.array(z.string()).length(1)]),
  exp: z.int(),
  iat: z.int().min(0).optional(),
  jti: z.string().regex(/^[\x21-\x7e]{8,128}$/),
});

/** Signs a `private_key_jwt` assertion (RFC 7523) for the token endpoint of `audience`; it lives a minute and is good for one request. */
export async function signClientAssertion(options: {
  readonly privateJwk: unknown;
  readonly client: AgentRef;
  /** The issuer's URL. */
  readonly audience: string;
  readonly now?: Date;
  readonly lifetimeSeconds?: number;
}): Promise<string> {
  const key = await importPrivateKey(options.privateJwk);
  const id = clientId({ tenant: tenantName.parse(options.client.tenant), agent: agentName.parse(options.client.agent) });
  const now = Math.floor((options.now ?? new Date()).getTime() / 1000);
  return new SignJWT({ jti: crypto.randomUUID() })
    .setProtectedHeader({ alg: key.alg, kid: key.kid, typ: "JWT" })
    .setIssuer(id)
    .setSubject(id)
    .setAudience(options.audience)
    .setIssuedAt(now)
    .setExpirationTime(now + (options.lifetimeSeconds ?? 60))
    .sign(key.key);
}

/** Which client an assertion says it is from, not yet verified; undefined when it is no assertion at all. */
export function claimedClient(assertion: string): AgentRef | undefined {
  const { iss, sub } = readCompact(assertion, spelling)?.payload ?? {};
  return typeof iss === "string" && iss === sub ? parseClientId(iss) : undefined;
}

/** What a client may say in an assertion's header: nothing that names a key from elsewhere, or changes how it is read. */
const types = ["JWT", "client-authentication+jwt"];
const spelling = { members: ["alg", "kid", "typ"], maxLength: 8_192 };

/**
 * Verifies a client assertion with the client's registered key (RFC 7523 §3): issuer and subject are the client, the
 * audience is one of `audiences`, it lives at most five minutes. That its `tokenId` was not seen before is for the caller to see to.
 */
export async function verifyClientAssertion(
  assertion: string,
  options: { readonly key: PublicJwk; readonly client: AgentRef; readonly audiences: readonly string[]; readonly now: Date },
): Promise<ClientAssertion | undefined> {
  try {
    const { typ = types[0], kid = "" } = readCompact(assertion, spelling)?.header ?? { typ: "" };
    // RFC 8725 §3.11: what was signed for another use is no assertion.
    if (!types.some((type) => type === typ) || typeof kid !== "string") return undefined;
    const id = clientId(options.client);
    const { payload } = await jwtVerify(assertion, (await importPublicKey(options.key)).key, {
      algorithms: headerAlgorithmsOf(options.key),
      issuer: id,
      subject: id,
      audience: [...options.audiences],
      currentDate: options.now,
    });
    const claims = assertionClaims.parse(payload);
    const now = Math.floor(options.now.getTime() / 1000);
    const tooLong = claims.exp > now + maxAssertionSeconds + skewSeconds || (claims.iat ?? now) > now + skewSeconds;
    return tooLong ? undefined : { client: options.client, tokenId: claims.jti, expires: claims.exp };
  } catch {
    return undefined;
  }
}
