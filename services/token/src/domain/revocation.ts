import type { AgentState } from "./agent.ts";

/** States in which an agent may hold tokens that must be refused. */
type StoppedState = Exclude<AgentState, "active" | "registered">;

/** An agent that is stopped. Times are in milliseconds since the epoch. */
interface AgentRevocation {
  readonly tenant: string;
  readonly agent: string;
  readonly state: StoppedState;
  readonly since: number;
}

/** A token that is no longer good, until it would have expired anyway. */
export interface TokenRevocation {
  readonly tenant: string;
  readonly tokenId: string;
  readonly since: number;
  readonly until: number;
}

/** A tenant that is revoked as a whole. */
interface TenantRevocation {
  readonly tenant: string;
  readonly since: number;
}

/** What every policy decision point must know. */
export type Revocation = AgentRevocation | TokenRevocation | TenantRevocation;

/** The key an agent's state has in the `revocations` bucket. */
export const agentKey = (tenant: string, agent: string): string => `${tenant}.${agent}`;

export function revocationKey(revocation: Revocation): string {
  if ("agent" in revocation) return agentKey(revocation.tenant, revocation.agent);
  return "tokenId" in revocation ? `${revocation.tenant}.token.${revocation.tokenId}` : revocation.tenant;
}

/** Everything of one principal stops at once. */
export type StopTarget =
  | { readonly kind: "agent"; readonly tenant: string; readonly name: string }
  | { readonly kind: "owner"; readonly tenant: string; readonly name: string }
  | { readonly kind: "tenant"; readonly tenant: string; readonly name: string };
