import { AegisError } from "@aegis/contracts/errors";
import { operatorRoles } from "@aegis/contracts/operator";
import type { OperatorAuth } from "@aegis/http/operator";
import { clientId } from "@aegis/identity/assertion";
import { type OAuthRefusal, refuse } from "#domain/oauth-refusal.ts";
import { authenticateClient, type ClientCredentials } from "#usecases/authenticate-client.ts";
import type { Ports } from "#usecases/ports.ts";

/** Who asks about a token, and what they may do with it. */
export interface TokenCaller {
  readonly ok: true;
  /** As events name them. */
  readonly by: string;
  mayRead(tenant: string): boolean;
  mayRevoke(holder: { readonly tenant: string; readonly agent: string }): boolean;
}

/** An operator by bearer token, else an active agent by its client assertion: it knows its tenant's tokens and revokes its own. */
export async function tokenCaller(
  ports: Ports,
  operators: OperatorAuth,
  authorization: string | undefined,
  credentials: ClientCredentials,
): Promise<TokenCaller | OAuthRefusal> {
  if (authorization !== undefined) return operatorCaller(operators, authorization);
  const client = await authenticateClient(ports, credentials);
  if (!client.ok) return client;
  const { tenant, agent, state } = client.agent;
  if (state !== "active") return refuse("unauthorized_client", `${agent} is ${state}`);
  return {
    ok: true,
    by: clientId({ tenant, agent }),
    mayRead: (of) => of === tenant,
    mayRevoke: (holder) => holder.tenant === tenant && holder.agent === agent,
  };
}

async function operatorCaller(operators: OperatorAuth, authorization: string): Promise<TokenCaller | OAuthRefusal> {
  try {
    const operator = await operators.authenticate(authorization);
    return {
      ok: true,
      by: operator.user,
      mayRead: (tenant) => operator.has(tenant, ...operatorRoles),
      mayRevoke: ({ tenant }) => operator.has(tenant, "admin", "soc"),
    };
  } catch (error) {
    if (error instanceof AegisError && error.code === "unauthenticated") return refuse("invalid_client", error.message);
    throw error;
  }
}
