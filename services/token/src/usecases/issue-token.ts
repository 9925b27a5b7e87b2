import type { DelegationRequest } from "@aegis/identity/attenuate";
import { type AgentClaims, chainOf } from "@aegis/identity/claims";
import { accessTokenType } from "@aegis/identity/verify";
import type { Agent } from "#domain/agent.ts";
import { type GrantLimits, type GrantOutcome, grantDelegated, grantOwn } from "#domain/grant.ts";
import { type OAuthRefusal, refuse } from "#domain/oauth-refusal.ts";
import type { Ports } from "./ports.ts";

export interface TokenRequest extends DelegationRequest {
  /** Tells this copy of the agent apart; a random one when absent. */
  readonly instance?: string | undefined;
}

export interface IssuedToken {
  readonly ok: true;
  readonly token: string;
  readonly expiresInSeconds: number;
  readonly scope: string;
  /** RFC 9396 §7: as granted. */
  readonly details: AgentClaims["authorization_details"];
  /** RFC 9449 §5: `DPoP` for a token that is bound to a proof's key. */
  readonly type: "Bearer" | "DPoP";
}

/** A token for an authenticated agent on its own behalf (RFC 6749 §4.4). */
export async function issueOwn(ports: Ports, agent: Agent, request: TokenRequest): Promise<IssuedToken | OAuthRefusal> {
  const limits = limitsOf(ports, request);
  const outcome = await ports.grants.grant({ tenant: agent.tenant, agent: agent.agent }, (current) => grantOwn(current, request, limits));
  return deliver(ports, outcome, "own");
}

/** A token for an authenticated child that acts on a parent's behalf (RFC 8693): never wider than the parent's. */
export async function issueDelegated(
  ports: Ports,
  child: Agent,
  subjectToken: string,
  request: TokenRequest,
): Promise<IssuedToken | OAuthRefusal> {
  const verified = await ports.verifier.verify(subjectToken);
  if (!verified.ok)
    return refuse("invalid_request", verified.why === "expired" ? "the subject token has expired" : "the subject token is not valid");
  const parent = verified.claims;
  // Said before anything of the other tenant is looked at.
  if (parent.tenant !== child.tenant) return refuse("invalid_request", "the subject token is another tenant's");
  const stopped = await ports.spawning.refusal({
    ...{ tenant: parent.tenant, parent: parent.client_id, child: child.agent },
    ...{ promptId: parent.prompt_id ?? request.promptId, sessionId: parent.session_id ?? request.sessionId },
  });
  if (stopped !== undefined) return refuse("access_denied", stopped.why, stopped.retryAfterSeconds);
  const limits = limitsOf(ports, request);
  const outcome = await ports.grants.grant(
    { tenant: child.tenant, agent: child.agent, parent: { tokenId: parent.jti, chain: chainOf(parent) } },
    (current, chain, record) => grantDelegated({ claims: parent, record, chain }, current, request, limits),
  );
  return deliver(ports, outcome, "delegated");
}

/** What bounds a grant now. */
export function limitsOf({ clock, ids, settings }: Ports, request: TokenRequest): GrantLimits {
  return {
    now: Math.floor(clock.now().getTime() / 1000),
    maxDepth: settings.maxDepth,
    maxTtlSeconds: settings.tokenSeconds,
    tokenId: ids.next(),
    instance: request.instance ?? ids.instance(),
    issuer: settings.issuer,
    audience: settings.audience,
  };
}

/** How a token is presented. One that is bound to a certificate is a Bearer token (RFC 8705 §3). */
export const typeOf = ({ cnf }: Pick<AgentClaims, "cnf">): IssuedToken["type"] => (cnf !== undefined && "jkt" in cnf ? "DPoP" : "Bearer");

/** Signs what was granted. */
export async function deliver(ports: Ports, outcome: GrantOutcome, kind: "own" | "delegated"): Promise<IssuedToken | OAuthRefusal> {
  if (!outcome.ok) return outcome;
  const { claims } = outcome;
  const token = await ports.keys.sign(claims, accessTokenType);
  ports.signals.issued(kind);
  const { scope, authorization_details: details } = claims;
  return { ok: true, token, expiresInSeconds: claims.exp - claims.iat, scope, details, type: typeOf(claims) };
}
