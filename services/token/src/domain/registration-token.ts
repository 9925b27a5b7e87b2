import { uncovered } from "@aegis/identity/scope";
import type { Agent, RiskTier } from "./agent.ts";

/** What an initial access token lets strangers register (RFC 7591 §3.1): so many agents, within these ceilings, until then. */
export interface RegistrationToken {
  readonly tenant: string;
  readonly id: string;
  readonly scope: readonly string[];
  readonly mayAct: readonly string[];
  readonly risk: RiskTier;
  readonly owner: string;
  /** Agents are active at once, or wait for an operator. */
  readonly active: boolean;
  readonly usesLeft: number;
  readonly expiresAt: number;
  readonly createdAt: number;
  readonly createdBy: string;
}

/** Why an agent is not within the token's ceilings; undefined when it is. */
export function beyondCeilings(
  token: Pick<RegistrationToken, "scope" | "mayAct">,
  agent: Pick<Agent, "scope" | "mayAct">,
): string | undefined {
  const excess = uncovered(token.scope, agent.scope);
  if (excess.length > 0) return `scope is more than the initial access token grants: ${excess.join(" ")}`;
  const strangers = agent.mayAct.filter((parent) => !token.mayAct.includes(parent));
  return strangers.length === 0 ? undefined : `the initial access token does not let it act for ${strangers.join(", ")}`;
}
