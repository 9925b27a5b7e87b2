import { attenuate, type DelegationLimits, type DelegationRequest, grantedDetails } from "@aegis/identity/attenuate";
import { type AgentClaims, maxTokenSeconds } from "@aegis/identity/claims";
import { formatScope, uncovered } from "@aegis/identity/scope";
import type { Agent } from "./agent.ts";
import { type OAuthRefusal, refuse } from "./oauth-refusal.ts";

/** What a grant is bounded by, and what its token is given. */
export interface GrantLimits extends DelegationLimits {
  readonly issuer: string;
  readonly audience: string;
}

export type GrantOutcome = { readonly ok: true; readonly claims: AgentClaims } | OAuthRefusal;

/** Claims for an agent on its own behalf. More than its registration holds is refused, not cut down. */
export function grantOwn(agent: Agent, request: DelegationRequest, limits: GrantLimits): GrantOutcome {
  const stopped = refuseStopped([agent]);
  if (stopped !== undefined) return stopped;
  const excess = request.scope === undefined ? [] : uncovered(agent.scope, request.scope);
  if (excess.length > 0) return refuse("invalid_scope", `not within the registration: ${formatScope(excess)}`);
  const scope = request.scope ?? agent.scope;
  if (scope.length === 0) return refuse("invalid_scope", "the agent's registration permits nothing");
  const details = grantedDetails(request.details, scope);
  if (!details.ok) return refuse(details.error, details.why);
  const longest = Math.min(maxTokenSeconds, limits.maxTtlSeconds);
  const ttl = request.ttlSeconds ?? longest;
  if (!Number.isInteger(ttl) || ttl < 1 || ttl > longest) {
    return refuse("invalid_request", `expires_in is not between 1 and ${longest} seconds`);
  }
  return {
    ok: true,
    claims: {
      iss: limits.issuer,
      aud: limits.audience,
      iat: limits.now,
      exp: limits.now + ttl,
      jti: limits.tokenId,
      org: agent.org,
      tenant: agent.tenant,
      client_id: agent.agent,
      sub: agent.agent,
      depth: 0,
      instance: limits.instance,
      scope: formatScope(scope),
      ...(request.promptId === undefined ? {} : { prompt_id: request.promptId }),
      ...(request.sessionId === undefined ? {} : { session_id: request.sessionId }),
      ...details.claim,
      ...approved(agent),
      ...(request.cnf === undefined ? {} : { cnf: request.cnf }),
    },
  };
}

/** The parent's token as this service recorded it: a genuine token that is not recorded is not honoured. */
export type ParentRecord = { readonly revoked: boolean } | undefined;

/**
 * Claims for a child on its parent's behalf. Every agent of the chain must still be active: whoever is stopped stops all
 * that was delegated from it.
 */
export function grantDelegated(
  parent: { readonly claims: AgentClaims; readonly record: ParentRecord; readonly chain: readonly Agent[] },
  child: Agent,
  request: DelegationRequest,
  limits: GrantLimits,
): GrantOutcome {
  const stopped = refuseStopped([child]);
  if (stopped !== undefined) return stopped;
  if (parent.record === undefined || parent.record.revoked) return refuse("invalid_request", "the subject token was revoked");
  if (parent.chain.length !== parent.claims.depth + 1 || refuseStopped(parent.chain) !== undefined) {
    return refuse("invalid_request", "an agent of the subject token's chain is suspended or revoked");
  }
  const result = attenuate(parent.claims, request, child, limits);
  return result.ok ? { ok: true, claims: { ...result.claims, ...approved(child) } } : refuse(result.error, result.why);
}

/** What whoever acts through the token must be made of. */
const approved = ({ fingerprint }: Agent): { fpr?: string } => (fingerprint === undefined ? {} : { fpr: fingerprint });

function refuseStopped(agents: readonly Agent[]): OAuthRefusal | undefined {
  const stopped = agents.find((agent) => agent.state !== "active");
  return stopped && refuse("unauthorized_client", `${stopped.agent} is ${stopped.state}`);
}
