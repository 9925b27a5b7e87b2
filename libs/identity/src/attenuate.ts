import { detailsOf } from "./authorization-details.ts";
import {
  type AgentClaims,
  type AuthorizationDetail,
  type Confirmation,
  chainOf,
  isSameConfirmation,
  maxDelegationDepth,
  maxTokenSeconds,
  scopeOf,
} from "./claims.ts";
import { outsideParent, outsideScope } from "./details-within.ts";
import { formatScope, intersect, type Scope, uncovered } from "./scope.ts";

/** What a child asks for when it acts on a parent's behalf. */
export interface DelegationRequest {
  /** Absent: all that the parent and the child's registration both permit. */
  readonly scope?: Scope | undefined;
  /** RFC 9396: what of its scope the token is to be good for. Absent: what the parent's says. */
  readonly details?: readonly AuthorizationDetail[] | undefined;
  /** Seconds; absent: as long as is allowed. */
  readonly ttlSeconds?: number | undefined;
  /** A binding may be repeated, or added where the parent has none; it is never changed. */
  readonly promptId?: string | undefined;
  readonly sessionId?: string | undefined;
  /** The key or certificate whose possession was proved: the token is bound to it. */
  readonly cnf?: Confirmation | undefined;
}

/** The child as it is registered. */
export interface ChildRegistration {
  readonly tenant: string;
  readonly agent: string;
  /** The scope ceiling. */
  readonly scope: Scope;
  /** The agents on whose tokens this one may act. */
  readonly mayAct: readonly string[];
}

/** What bounds every delegation, and what the new token is given. */
export interface DelegationLimits {
  /** Whole seconds since the epoch. */
  readonly now: number;
  /** The tenant's own limits; they can only be lower than the product's. */
  readonly maxDepth: number;
  readonly maxTtlSeconds: number;
  readonly tokenId: string;
  readonly instance: string;
}

/** RFC 6749 §5.2, RFC 9396 §5, and RFC 8693 §2.2.2: a subject token that is unacceptable for any reason is an `invalid_request`. */
export type DelegationError = "invalid_scope" | "invalid_authorization_details" | "invalid_request";

export type Delegation =
  | { readonly ok: true; readonly claims: AgentClaims }
  | { readonly ok: false; readonly error: DelegationError; readonly why: string };

/**
 * Derives a child's claims from a parent's verified token. What comes out is never wider than the parent in any dimension:
 * scope, authorization details, time, depth, tenant, subject, prompt and session. A request for more is refused, never quietly cut down.
 */
export function attenuate(parent: AgentClaims, request: DelegationRequest, child: ChildRegistration, limits: DelegationLimits): Delegation {
  if (child.tenant !== parent.tenant) return refused("invalid_request", "the subject token is another tenant's");
  // RFC 9449 §5, RFC 8705 §3: a token bound to a key is worth nothing without that key's proof.
  if (parent.cnf !== undefined && !isSameConfirmation(parent.cnf, request.cnf))
    return refused("invalid_request", "the subject token is bound to its holder's key");
  if (parent.exp <= limits.now) return refused("invalid_request", "the subject token has expired");
  if (!child.mayAct.includes(parent.client_id)) return refused("invalid_request", `${child.agent} may not act for ${parent.client_id}`);

  const depth = parent.depth + 1;
  const maxDepth = Math.min(maxDelegationDepth, limits.maxDepth);
  if (depth > maxDepth) return refused("invalid_request", `delegation goes at most ${maxDepth} deep`);

  const ttl = lifetime(parent, request.ttlSeconds, limits);
  if (typeof ttl === "string") return refused("invalid_request", ttl);

  const ceiling = intersect(scopeOf(parent), child.scope);
  const excess = request.scope === undefined ? [] : uncovered(ceiling, request.scope);
  if (excess.length > 0) return refused("invalid_scope", `not within both the subject token and the registration: ${formatScope(excess)}`);
  const scope = request.scope ?? ceiling;
  if (scope.length === 0) return refused("invalid_scope", "nothing is permitted by both the subject token and the registration");

  const details = grantedDetails(request.details, scope, parent);
  if (!details.ok) return details;

  const prompt = bind("prompt_id", parent.prompt_id, request.promptId);
  if (!prompt.ok) return prompt;
  const session = bind("session_id", parent.session_id, request.sessionId);
  if (!session.ok) return session;

  return {
    ok: true,
    claims: {
      iss: parent.iss,
      aud: parent.aud,
      iat: limits.now,
      exp: limits.now + ttl,
      jti: limits.tokenId,
      org: parent.org,
      tenant: parent.tenant,
      client_id: child.agent,
      sub: parent.sub,
      act: parent.act === undefined ? { sub: child.agent } : { sub: child.agent, act: parent.act },
      depth,
      instance: limits.instance,
      scope: formatScope(scope),
      ...prompt.claim,
      ...session.claim,
      ...details.claim,
      ...(request.cnf === undefined ? {} : { cnf: request.cnf }),
    },
  };
}

/** Whether `child` is a proper narrowing of `parent`: one hop more, the parent's chain below it, nothing wider. */
export function isNarrowing(parent: AgentClaims, child: AgentClaims): boolean {
  const above = chainOf(parent);
  const chain = chainOf(child);
  return (
    child.tenant === parent.tenant &&
    child.org === parent.org &&
    child.sub === parent.sub &&
    child.aud === parent.aud &&
    child.exp <= parent.exp &&
    (parent.cnf === undefined || isSameConfirmation(parent.cnf, child.cnf)) &&
    child.depth === parent.depth + 1 &&
    chain.length === above.length + 1 &&
    above.every((agent, index) => chain[index + 1] === agent) &&
    uncovered(scopeOf(parent), scopeOf(child)).length === 0 &&
    keepsDetails(parent, child) &&
    (parent.prompt_id === undefined || child.prompt_id === parent.prompt_id) &&
    (parent.session_id === undefined || child.session_id === parent.session_id)
  );
}

/** What becomes of the authorization details that are asked for: within the scope that is granted, and within the parent's. */
export function grantedDetails(
  wanted: readonly AuthorizationDetail[] | undefined,
  scope: Scope,
  parent: Pick<AgentClaims, "authorization_details"> = {},
): { readonly ok: true; readonly claim: Pick<AgentClaims, "authorization_details"> } | (Delegation & { readonly ok: false }) {
  const above = detailsOf(parent);
  if (above?.ok === false) return refused("invalid_request", "the subject token's authorization details are not understood");
  const details = wanted ?? parent.authorization_details;
  if (details === undefined) return { ok: true, claim: {} };
  const read = detailsOf({ authorization_details: details });
  if (!read?.ok) return refused("invalid_authorization_details", read?.why ?? "");
  if (wanted !== undefined) {
    const named = (indexes: readonly number[]) => indexes.map((index) => `authorization_details/${index}`).join(", ");
    const uncoveredByScope = outsideScope(read.calls, scope);
    if (uncoveredByScope.length > 0) return refused("invalid_authorization_details", `not within the scope: ${named(uncoveredByScope)}`);
    const wider = above === undefined ? [] : outsideParent(above.calls, read.calls);
    if (wider.length > 0) return refused("invalid_authorization_details", `not within the subject token's: ${named(wider)}`);
  }
  return { ok: true, claim: { authorization_details: [...details] } };
}

function keepsDetails(parent: AgentClaims, child: AgentClaims): boolean {
  const [above, below] = [detailsOf(parent), detailsOf(child)];
  if (above === undefined) return below?.ok !== false;
  return above.ok && below?.ok === true && outsideParent(above.calls, below.calls).length === 0;
}

function lifetime(parent: AgentClaims, wanted: number | undefined, limits: DelegationLimits): number | string {
  const longest = Math.min(maxTokenSeconds, limits.maxTtlSeconds, parent.exp - limits.now);
  if (wanted === undefined) return longest;
  if (!Number.isInteger(wanted) || wanted < 1) return "expires_in is not a positive number of seconds";
  return wanted > longest ? `expires_in is more than the ${longest} s that remain` : wanted;
}

function bind<K extends "prompt_id" | "session_id">(name: K, held: string | undefined, wanted: string | undefined) {
  if (held !== undefined && wanted !== undefined && held !== wanted) {
    return refused("invalid_request", `the subject token is bound to another ${name}`);
  }
  const value = held ?? wanted;
  return { ok: true as const, claim: (value === undefined ? {} : { [name]: value }) as { [P in K]?: string } };
}

const refused = (error: DelegationError, why: string) => ({ ok: false as const, error, why });
