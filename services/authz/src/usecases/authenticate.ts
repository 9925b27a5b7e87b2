import { AegisError } from "@aegis/contracts/errors";
import type { AgentClaims } from "@aegis/identity/claims";
import type { AuthnFailures, Tokens } from "./ports.ts";

interface Authenticated {
  readonly claims: AgentClaims;
  /** Genuine, but its time has passed. */
  readonly expired: boolean;
}

/**
 * Finds out who calls. The request's own token goes before the one in the metadata.
 *
 * @throws AegisError `unauthenticated`; each such failure is counted and reported.
 */
export type AuthenticateAgent = (request: { readonly agentToken: string }, bearer: string | undefined) => Promise<Authenticated>;

export function authenticateAgent(ports: {
  tokens: Tokens;
  failures: AuthnFailures;
  signals: { unauthenticated(): void };
}): AuthenticateAgent {
  const refuse = (why: string): never => {
    ports.signals.unauthenticated();
    ports.failures.report(why);
    throw new AegisError("unauthenticated", why);
  };
  return async (request, bearer) => {
    const token = request.agentToken !== "" ? request.agentToken : bearer;
    if (token === undefined || token === "") return refuse("an agent's token is needed");
    const verified = ports.tokens.cached(token) ?? (await ports.tokens.verify(token));
    if (!verified.ok && verified.why === "invalid") return refuse("the agent's token is not valid");
    // A token that is bound to a key is worth nothing without the proof, and proofs are not accepted here.
    if (verified.claims.cnf !== undefined) return refuse("tokens bound to a key (cnf) are not accepted");
    return { claims: verified.claims, expired: !verified.ok };
  };
}
