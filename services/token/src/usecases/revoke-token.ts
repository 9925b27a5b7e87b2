import type { AgentClaims } from "@aegis/identity/claims";
import type { Ports } from "./ports.ts";
import { publishTokens } from "./publish-revocations.ts";

/**
 * Revokes a token and all that were delegated from it (RFC 7009). `mayRevoke` says whether the caller may, given who holds it.
 * Resolves to how many were revoked: 0 for a token unknown, expired, already revoked, or not the caller's to revoke.
 */
export async function revokeToken(
  ports: Ports,
  token: { readonly tenant: string; readonly tokenId: string },
  mayRevoke: (holder: { readonly tenant: string; readonly agent: string }) => boolean,
  by: string,
): Promise<number> {
  const holder = await ports.grants.holder(token.tenant, token.tokenId);
  if (holder === undefined || !mayRevoke({ tenant: token.tenant, agent: holder.agent })) return 0;
  const revoked = await ports.grants.revoke(token.tenant, token.tokenId, by, ports.clock.now().getTime());
  ports.signals.tokensRevoked(revoked.length);
  await publishTokens(ports, revoked);
  return revoked.length;
}

/** The claims of a genuine token, expired or not, so that it can be revoked by what it says. */
export async function readToken(ports: Ports, token: string): Promise<AgentClaims | undefined> {
  const verified = await ports.verifier.verify(token);
  return verified.ok || verified.why === "expired" ? verified.claims : undefined;
}
