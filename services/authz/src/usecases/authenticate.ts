import { AegisError } from "@aegis/contracts/errors";
import type { Reason } from "@aegis/contracts/reasons";
import type { AgentClaims } from "@aegis/identity/claims";
import { refuseUnread } from "@aegis/identity/details-permit";
import { checkProof } from "@aegis/identity/dpop";
import { mayAssertSubject } from "#domain/principal.ts";
import type { AuthnFailures, Clock, Proofs, Tokens } from "./ports.ts";

interface Authenticated {
  readonly claims: AgentClaims;
  /** Genuine, but its time has passed. */
  readonly expired: boolean;
  /** Its proof of possession was used before, or nobody can say whether; or it says of itself what is not understood. The call is refused with this. */
  readonly refusal?: Reason | undefined;
}

/** What came in the metadata of one RPC. */
export interface Presented {
  readonly authorization?: { readonly scheme: "Bearer" | "DPoP"; readonly token: string } | undefined;
  readonly proof?: string | undefined;
  /** RFC 8705: the thumbprint of the agent's certificate, where it was proved on the connection, or is believed to have been. */
  readonly certificate?: (() => string | undefined) | undefined;
  /** On whose behalf the caller says that it asks, "user:…"; only who may assert subjects is heard. */
  readonly subject?: string | undefined;
  /** The method's full path, "/package.Service/Method": RFC 9449 `htu`, after the scheme and authority. */
  readonly path: string;
}

/**
 * Finds out who calls. The request's own token and proof go before those in the metadata. A token that is bound to a key needs the
 * key's proof (RFC 9449 §7), which is good for one RPC on one replica: all calls of one batch may share it. One that is bound to a
 * certificate needs a connection that was made with it (RFC 8705 §3).
 *
 * @throws AegisError `unauthenticated`; each such failure is counted and reported.
 */
export type AuthenticateAgent = (
  request: { readonly agentToken: string; readonly dpopProof?: string },
  presented: Presented,
) => Promise<Authenticated>;

export function authenticateAgent(ports: {
  tokens: Tokens;
  failures: AuthnFailures;
  proofs: Proofs;
  clock: Clock;
  signals: { unauthenticated(): void };
}): AuthenticateAgent {
  const refuse = (why: string): never => {
    ports.signals.unauthenticated();
    ports.failures.report(why);
    throw new AegisError("unauthenticated", why);
  };
  const spent = new WeakMap<Presented, Map<string, Promise<Reason | undefined>>>();
  /** Once per RPC, and once among all RPCs of all replicas. */
  const spend = (presented: Presented, id: string): Promise<Reason | undefined> => {
    const ofRpc = spent.get(presented) ?? new Map<string, Promise<Reason | undefined>>();
    spent.set(presented, ofRpc);
    const spending = ofRpc.get(id) ?? ports.proofs.spend(id).then((outcome) => refusals[outcome]);
    ofRpc.set(id, spending);
    return spending;
  };
  return async (request, presented) => {
    const fromRequest = request.agentToken !== "";
    const token = fromRequest ? request.agentToken : presented.authorization?.token;
    if (token === undefined || token === "") return refuse("an agent's token is needed");
    const verified = ports.tokens.cached(token) ?? (await ports.tokens.verify(token));
    if (!verified.ok && verified.why === "invalid") return refuse("the agent's token is not valid");
    const { claims } = verified;
    const proof = request.dpopProof || presented.proof;
    const scheme = fromRequest ? undefined : presented.authorization?.scheme;
    if (claims.cnf === undefined) {
      if (proof !== undefined || scheme === "DPoP")
        return refuse("the token is bound to no key: it is sent as a Bearer token, without a proof");
      return { claims, expired: !verified.ok, refusal: refuseClaims(claims, presented) };
    }
    if ("x5t#S256" in claims.cnf) {
      if (proof !== undefined || scheme === "DPoP")
        return refuse("the token is bound to a certificate: it is sent as a Bearer token, without a proof");
      if (presented.certificate?.() !== claims.cnf["x5t#S256"])
        return refuse("the token is bound to a certificate (cnf): call over mutual TLS with that certificate");
      return { claims, expired: !verified.ok, refusal: refuseClaims(claims, presented) };
    }
    // RFC 9449 §7.2: a bound token is not taken as a plain bearer token.
    if (proof === undefined) return refuse("the token is bound to a key (cnf): send a DPoP proof with it");
    if (scheme === "Bearer") return refuse("the token is bound to a key (cnf): send it as `authorization: DPoP`");
    const htu = ports.proofs.origins.map((origin) => `${origin}${presented.path}`);
    const checked = await checkProof(proof, { htm: "POST", htu, accessToken: token, now: ports.clock.now() });
    if (!checked.ok) return refuse(checked.why);
    if (checked.jkt !== claims.cnf.jkt) return refuse("the DPoP proof is not valid: its key is not the token's");
    return { claims, expired: !verified.ok, refusal: refuseClaims(claims, presented) ?? (await spend(presented, checked.id)) };
  };
}

const refuseClaims = (claims: AgentClaims, presented: Presented): Reason | undefined =>
  refuseUnread(claims) ?? refuseSubject(claims, presented);

const refuseSubject = (claims: AgentClaims, { subject }: Presented): Reason | undefined =>
  subject === undefined || mayAssertSubject(claims)
    ? undefined
    : { code: "context_mismatch", message: "this agent may not say on whose behalf it asks" };

const refusals = {
  fresh: undefined,
  used: { code: "token_replayed", message: "the DPoP proof was used before: each request needs its own" },
  unknown: { code: "token_replayed", message: "whether the DPoP proof was used before cannot be found out now: try again with a new one" },
} as const satisfies Record<string, Reason | undefined>;
