import { assertionType, clientId, signClientAssertion } from "@aegis/identity/assertion";
import type { JWK } from "jose";

/** Gives a valid access token; called before each check. */
export type TokenSource = () => Promise<string>;

export interface AgentIdentity {
  /** Base URL of the token service. */
  readonly tokenUrl: string;
  readonly tenant: string;
  readonly agent: string;
  /** The agent's private key, as `aegis agent register` wrote it. */
  readonly privateKey: JWK;
  /** Space-separated scope items; all that the agent is registered for when absent. */
  readonly scope?: string;
  readonly promptId?: string;
  readonly sessionId?: string;
}

/**
 * An agent's own short-lived tokens: `client_credentials` with `private_key_jwt` (RFC 6749 §4.4, RFC 7523 §2.2).
 * One token is kept until 30 s before it expires; concurrent callers share one request.
 */
export function agentToken(identity: AgentIdentity): TokenSource {
  let current: { token: Promise<string>; renewAt: number } | undefined;
  return async () => {
    if (current !== undefined && Date.now() < current.renewAt) return current.token;
    const issued = issue(identity);
    const entry = { token: issued.then((answer) => answer.access_token), renewAt: Number.POSITIVE_INFINITY };
    current = entry;
    issued.then(
      ({ expires_in }) => {
        entry.renewAt = Date.now() + Math.max(expires_in - 30, expires_in / 2) * 1000;
      },
      () => {
        if (current === entry) current = undefined;
      },
    );
    return entry.token;
  };
}

async function issue(identity: AgentIdentity): Promise<{ access_token: string; expires_in: number }> {
  const client = { tenant: identity.tenant, agent: identity.agent };
  const assertion = await signClientAssertion({ privateJwk: identity.privateKey, client, audience: identity.tokenUrl });
  const response = await fetch(`${identity.tokenUrl}/oauth/token`, {
    method: "POST",
    redirect: "error",
    signal: AbortSignal.timeout(10_000),
    body: new URLSearchParams({
      grant_type: "client_credentials",
      client_id: clientId(client),
      client_assertion_type: assertionType,
      client_assertion: assertion,
      ...(identity.scope ? { scope: identity.scope } : {}),
      ...(identity.promptId ? { prompt_id: identity.promptId } : {}),
      ...(identity.sessionId ? { session_id: identity.sessionId } : {}),
    }),
  });
  const answer = (await response.json()) as { access_token?: string; expires_in?: number; error?: string; error_description?: string };
  if (!response.ok || answer.access_token === undefined) {
    throw new Error(`no token for ${clientId(client)}: ${answer.error_description ?? answer.error ?? response.status}`);
  }
  return { access_token: answer.access_token, expires_in: answer.expires_in ?? 60 };
}
