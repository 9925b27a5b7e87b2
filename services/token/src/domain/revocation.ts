import type { AgentState } from "./agent.ts";

/** What every policy decision point must know: an agent that is stopped, or a token that is no longer good. */
export type Revocation =
  | { readonly tenant: string; readonly agent: string; readonly state: Exclude<AgentState, "active">; readonly since: number }
  | { readonly tenant: string; readonly tokenId: string; readonly since: number; readonly until: number };

/** The key an agent's state has in the `revocations` bucket. */
export const agentKey = (tenant: string, agent: string): string => `${tenant}.${agent}`;

export function revocationKey(revocation: Revocation): string {
  return "agent" in revocation ? agentKey(revocation.tenant, revocation.agent) : `${revocation.tenant}.token.${revocation.tokenId}`;
}
