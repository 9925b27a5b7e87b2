import type { AgentRef } from "@aegis/identity/assertion";
import type { AgentClaims } from "@aegis/identity/claims";
import { claimedIssuer, type OutsideClaims, verifyOutside } from "@aegis/identity/outside";
import type { Agent } from "#domain/agent.ts";
import { grantOwn } from "#domain/grant.ts";
import { type OAuthRefusal, refuse } from "#domain/oauth-refusal.ts";
import { speaksFor, type TrustedIssuer, userSubject } from "#domain/trusted-issuer.ts";
import { deliver, type IssuedToken, limitsOf, type TokenRequest } from "./issue-token.ts";
import type { Ports } from "./ports.ts";

/** A token for an authenticated agent that acts for a user, whose own issuer vouches for it (RFC 8693): `sub` is the user. */
export async function issueForUser(ports: Ports, agent: Agent, subjectToken: string, request: TokenRequest) {
  const vouched = await vouchedFor(ports, "user", agent, subjectToken);
  if (!vouched.ok) return vouched;
  const subject = userSubject(vouched.issuer, vouched.claims.sub);
  if (subject === undefined) return refuse("invalid_request", "the subject token's sub cannot be a user's name here");
  return issue(ports, agent, vouched.claims, request, (claims) => ({ ...claims, sub: subject, act: { sub: agent.agent } }));
}

/** An agent's own token for the workload that it is, whose platform vouches for it in place of a registered key. */
export async function issueForWorkload(ports: Ports, agent: AgentRef, subjectToken: string, request: TokenRequest) {
  const vouched = await vouchedFor(ports, "workload", agent, subjectToken);
  return vouched.ok ? issue(ports, agent, vouched.claims, request, (claims) => claims) : vouched;
}

type Vouched = { readonly ok: true; readonly issuer: TrustedIssuer; readonly claims: OutsideClaims } | OAuthRefusal;

/** What is wrong is not told apart: a stranger learns neither whom a tenant trusts nor which agents it has. */
async function vouchedFor(ports: Ports, kind: TrustedIssuer["kind"], { tenant, agent }: AgentRef, token: string): Promise<Vouched> {
  const refused = refuse("invalid_request", `the subject token is not of a ${kind} that may use ${agent}`);
  const iss = claimedIssuer(token);
  const issuer = iss === undefined ? undefined : await ports.issuers.find(tenant, iss);
  if (issuer?.kind !== kind) return refused;
  const claims = await verifyOutside(token, { ...issuer, keys: ports.issuers.keysOf(issuer) }, ports.clock.now());
  return claims !== undefined && speaksFor(issuer.rules, claims, agent) ? { ok: true, issuer, claims } : refused;
}

/** Never past the end of the token that it was given for. */
async function issue(
  ports: Ports,
  { tenant, agent }: AgentRef,
  { exp }: OutsideClaims,
  request: TokenRequest,
  finish: (claims: AgentClaims) => AgentClaims,
): Promise<IssuedToken | OAuthRefusal> {
  if ((await ports.agents.find(tenant, agent)) === undefined) return refuse("invalid_request", "the subject token speaks for no agent");
  const limits = limitsOf(ports, request);
  const bounded = { ...limits, maxTtlSeconds: Math.min(limits.maxTtlSeconds, exp - limits.now) };
  const outcome = await ports.grants.grant({ tenant, agent }, (current) => {
    const granted = grantOwn(current, request, bounded);
    return granted.ok ? { ok: true, claims: finish(granted.claims) } : granted;
  });
  return deliver(ports, outcome, "own");
}
