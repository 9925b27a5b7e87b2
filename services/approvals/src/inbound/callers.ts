import { AegisError } from "@aegis/contracts/errors";
import { type OperatorRole, operatorAudience } from "@aegis/contracts/operator";
import type { Operator, OperatorAuth } from "@aegis/http/operator";
import type { AgentClaims } from "@aegis/identity/claims";
import type { AgentTokenVerifier } from "@aegis/identity/verify";
import { decodeJwt } from "jose";
import type { ApprovalRecord } from "#usecases/ports.ts";

/** Who is at the door: an agent with its own token, or a person. */
export type Caller = { readonly kind: "agent"; readonly claims: AgentClaims } | { readonly kind: "operator"; readonly operator: Operator };

export interface Callers {
  /** @throws AegisError `unauthenticated`. */
  operator(authorization: string | undefined): Promise<Operator>;
  /** @throws AegisError `unauthenticated`. */
  agent(authorization: string | undefined): Promise<AgentClaims>;
  /** Either of them; the token's audience says which. */
  either(authorization: string | undefined): Promise<Caller>;
}

/** Roles that may look at a tenant's approvals. */
export const readers: OperatorRole[] = ["approver", "admin", "auditor", "soc"];

export function callers(operators: OperatorAuth, agents: AgentTokenVerifier): Callers {
  const agent = async (authorization: string | undefined) => {
    const token = bearer(authorization);
    const verified = token === undefined ? undefined : await agents.verify(token);
    if (!verified?.ok) throw new AegisError("unauthenticated", "the agent's token is not valid");
    // RFC 9449 §7.1: a token bound to a key must not be accepted as a plain bearer token.
    if (verified.claims.cnf !== undefined) throw new AegisError("unauthenticated", "this token is bound to a key and needs its proof");
    return verified.claims;
  };
  return {
    operator: (authorization) => operators.authenticate(authorization),
    agent,
    async either(authorization) {
      if (!isForOperators(bearer(authorization))) return { kind: "agent", claims: await agent(authorization) };
      return { kind: "operator", operator: await operators.authenticate(authorization) };
    },
  };
}

/** The tenant a caller's view is limited to; undefined for a person, whose roles are checked once the tenant is known. */
export const tenantOf = (caller: Caller): string | undefined => (caller.kind === "agent" ? caller.claims.tenant : undefined);

/** Whether this approval is the caller's to see. One that is not is hidden, not forbidden: an id tells nothing to strangers. */
export function maySee(caller: Caller, approval: Pick<ApprovalRecord, "tenant" | "requester">): boolean {
  return caller.kind === "operator"
    ? caller.operator.has(approval.tenant, ...readers)
    : caller.claims.tenant === approval.tenant && caller.claims.client_id === approval.requester.agent;
}

function bearer(authorization: string | undefined): string | undefined {
  return /^Bearer ([\w-]+\.[\w-]+\.[\w-]+)$/i.exec(authorization ?? "")?.[1];
}

/** Only chooses the verifier; nothing is believed before it has verified. */
function isForOperators(token: string | undefined): boolean {
  try {
    return token !== undefined && [decodeJwt(token).aud].flat().includes(operatorAudience);
  } catch {
    return false;
  }
}
