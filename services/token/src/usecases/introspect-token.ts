import type { AgentClaims } from "@aegis/identity/claims";
import type { Ports } from "./ports.ts";

/**
 * The claims of a token that is good right now: genuine, unexpired, neither it nor an agent of its chain revoked or suspended.
 * Undefined for every other token, and for another tenant's (RFC 7662 §2.2 tells them not apart). `mayRead` says of which
 * tenants the caller may know.
 */
export async function introspectToken(ports: Ports, token: string, mayRead: (tenant: string) => boolean): Promise<AgentClaims | undefined> {
  const verified = await ports.verifier.verify(token);
  if (!verified.ok || !mayRead(verified.claims.tenant)) return undefined;
  return (await ports.grants.isLive(verified.claims)) ? verified.claims : undefined;
}
