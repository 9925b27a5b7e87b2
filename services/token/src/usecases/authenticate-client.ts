import { assertionType, claimedClient, clientId, verifyClientAssertion } from "@aegis/identity/assertion";
import type { Agent } from "#domain/agent.ts";
import { type OAuthRefusal, refuse } from "#domain/oauth-refusal.ts";
import type { Ports } from "./ports.ts";

/** How a client says who it is (RFC 7521 §4.2). */
export interface ClientCredentials {
  readonly client_id?: string | undefined;
  readonly client_assertion_type?: string | undefined;
  readonly client_assertion?: string | undefined;
}

/**
 * Authenticates an agent by `private_key_jwt` (RFC 7523 §2.2). The assertion is spent by this, whatever comes of the request.
 * An unknown client and a bad signature are answered alike.
 */
export async function authenticateClient(
  { agents, grants, clock, signals, settings }: Ports,
  credentials: ClientCredentials,
): Promise<{ readonly ok: true; readonly agent: Agent } | OAuthRefusal> {
  if (credentials.client_assertion_type !== assertionType || credentials.client_assertion === undefined) {
    return refuse("invalid_client", "the client authenticates by private_key_jwt");
  }
  const client = claimedClient(credentials.client_assertion);
  if (client === undefined || (credentials.client_id ?? clientId(client)) !== clientId(client)) return unknown;
  const agent = await agents.find(client.tenant, client.agent);
  if (agent === undefined) return unknown;
  const assertion = await verifyClientAssertion(credentials.client_assertion, {
    key: agent.publicJwk,
    client,
    audiences: [settings.issuer, `${settings.issuer}/oauth/token`],
    now: clock.now(),
  });
  if (assertion === undefined) return unknown;
  if (!(await grants.useAssertion(client, assertion.tokenId, assertion.expires * 1000))) {
    signals.assertionReplayed(client);
    return refuse("invalid_client", "the assertion was used before");
  }
  return { ok: true, agent };
}

const unknown = refuse("invalid_client", "the client assertion is not valid");
