import type { DecisionData, Principal } from "@aegis/contracts/decision-event";
import type { Reason } from "@aegis/contracts/reasons";
import { type AgentClaims, chainOf, scopeOf } from "@aegis/identity/claims";
import { refuseDetailed } from "@aegis/identity/details-permit";
import { type Revocations, staleAfterMs } from "./revocations.ts";

/** Who calls, as events name it; made once for each token. `assertedSubject`: on whose behalf, where the caller says so and not its token. */
export function principalOf(token: AgentClaims, assertedSubject?: string): Principal {
  if (assertedSubject !== undefined) return { subjectAsserted: true, ...namedBy(speakingFor(token, assertedSubject)) };
  let principal = principals.get(token);
  if (principal === undefined) {
    principal = namedBy(token);
    principals.set(token, principal);
  }
  return principal;
}

const principals = new WeakMap<AgentClaims, Principal>();

function namedBy(claims: AgentClaims): Principal {
  return {
    org: claims.org,
    tenant: claims.tenant,
    agent: claims.client_id,
    subject: claims.sub,
    chain: chainOf(claims),
    depth: claims.depth,
    instance: claims.instance,
    tokenId: claims.jti,
  };
}

/** What lets an enforcement point name users itself. Spelled out in the token: no wildcard grants it. */
const assertsSubjects = "authzen:assert-subject";

/** Whether this is an enforcement point that may say for which user it asks. */
export const mayAssertSubject = (claims: AgentClaims): boolean =>
  scopeOf(claims).includes(assertsSubjects) && refuseDetailed(claims, { tool: "authzen", action: "assert-subject" }) === undefined;

/** The claims with a user in the subject's place; who acts stays. */
function speakingFor(claims: AgentClaims, subject: string): AgentClaims {
  const act = chainOf(claims).reduceRight<AgentClaims["act"]>((inner, sub) => ({ sub, ...(inner && { act: inner }) }), undefined);
  return { ...claims, sub: subject, act };
}

/** What the token issuer's registry says of an agent now. */
export type Standing = "active" | "suspended" | "revoked";

/**
 * Refuses whoever may not act at all: an expired or revoked token, or a chain with an agent in it that was suspended or revoked
 * (a stopped parent takes everything below it along). When nothing was heard of revocations for too long, nobody may act.
 */
export function refuseIdentity(principal: Principal, expired: boolean, revocations: Revocations, now: number): Reason | undefined {
  if (expired) return { code: "token_expired", message: "the token has expired" };
  if (revocations.tokenRevoked(principal.tenant, principal.tokenId)) return { code: "agent_revoked", message: "the token is revoked" };
  for (const agent of principal.chain) {
    const standing = revocations.standingOf(principal.tenant, agent);
    if (standing === "revoked") return { code: "agent_revoked", message: `${agent} is revoked` };
    if (standing === "suspended") return { code: "agent_suspended", message: `${agent} is suspended` };
  }
  return revocations.age(now) > staleAfterMs ? staleRevocations : undefined;
}

/** Nothing was heard of revocations for too long. */
export const staleRevocations: Reason = { code: "revocation_stale", message: "what is known of revocations is too old" };

/** What the token is bound to, the caller cannot rename: any difference refuses the call. */
export function refuseContext(claims: AgentClaims, context: DecisionData["context"]): Reason | undefined {
  if (claims.prompt_id !== undefined && context.promptId !== undefined && claims.prompt_id !== context.promptId)
    return { code: "context_mismatch", message: "the token is bound to another prompt" };
  if (claims.session_id !== undefined && context.sessionId !== undefined && claims.session_id !== context.sessionId)
    return { code: "context_mismatch", message: "the token is bound to another session" };
  return undefined;
}

/** The call's context with what the token is bound to. */
export function boundContext(claims: AgentClaims, context: DecisionData["context"]): DecisionData["context"] {
  if (claims.prompt_id === undefined && claims.session_id === undefined) return context;
  return {
    ...context,
    ...(claims.prompt_id !== undefined && { promptId: claims.prompt_id }),
    ...(claims.session_id !== undefined && { sessionId: claims.session_id }),
  };
}
