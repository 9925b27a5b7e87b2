import type { ChildRegistration } from "@aegis/identity/attenuate";
import type { PublicJwk } from "@aegis/identity/keys";

export const agentKinds = ["generative", "agentic"] as const;
export const riskTiers = ["low", "medium", "high"] as const;
export const agentStates = ["active", "suspended", "revoked"] as const;

export type AgentKind = (typeof agentKinds)[number];
export type RiskTier = (typeof riskTiers)[number];
export type AgentState = (typeof agentStates)[number];

/** An agent as it is registered: the child side of every delegation to it. */
export interface Agent extends ChildRegistration {
  readonly org: string;
  /** The person who answers for it. */
  readonly owner: string;
  readonly purpose: string;
  readonly kind: AgentKind;
  readonly risk: RiskTier;
  /** Checks the agent's client assertions; the private half never leaves the agent. */
  readonly publicJwk: PublicJwk;
  readonly state: AgentState;
  /** Milliseconds since the epoch, as every time in this service. */
  readonly stateSince: number;
  readonly createdAt: number;
  readonly createdBy: string;
}

export const agentCommands = ["suspend", "resume", "revoke"] as const;
export type AgentCommand = (typeof agentCommands)[number];

export type Transition =
  | { readonly kind: "changed"; readonly state: AgentState }
  /** It is already so: nothing to do, nothing to tell. */
  | { readonly kind: "unchanged" }
  | { readonly kind: "refused"; readonly why: string };

const target: Readonly<Record<AgentCommand, AgentState>> = { suspend: "suspended", resume: "active", revoke: "revoked" };

/** What a command does to an agent in a state. A revoked agent stays revoked. */
export function transition(state: AgentState, command: AgentCommand): Transition {
  if (state === target[command]) return { kind: "unchanged" };
  if (state === "revoked") return { kind: "refused", why: "a revoked agent never comes back; register another" };
  return { kind: "changed", state: target[command] };
}
