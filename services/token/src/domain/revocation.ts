import type { AgentState } from "./agent.ts";

/** An agent that is stopped. Times are in milliseconds since the epoch. */
interface AgentRevocation {
  readonly tenant: string;
  readonly agent: string;
  readonly state: Exclude<AgentState, "active">;
  readonly since: number;
}

/** A token that is no longer good, until it would have expired anyway. */
export interface TokenRevocation {
  readonly tenant: string;
  readonly tokenId: string;
  readonly since: number;
  readonly until: number;
}

/** What every policy decision point must know. */
export type Revocation = AgentRevocation | TokenRevocation;

/** The key an agent's state has in the `revocations` bucket. */
export const agentKey = (tenant: string, agent: string): string => `${tenant}.${agent}`;

export function revocationKey(revocation: Revocation): string {
  return "agent" in revocation ? agentKey(revocation.tenant, revocation.agent) : `${revocation.tenant}.token.${revocation.tokenId}`;
}
