import type { ChildRegistration } from "@aegis/identity/attenuate";
import type { PublicJwk } from "@aegis/identity/keys";

export const agentKinds = ["generative", "agentic"] as const;
export const riskTiers = ["low", "medium", "high"] as const;
export const agentStates = ["registered", "active", "suspended", "retired", "revoked"] as const;

export type AgentKind = (typeof agentKinds)[number];
export type RiskTier = (typeof riskTiers)[number];
export type AgentState = (typeof agentStates)[number];

/** Why an agent may have a scope, and by when somebody looks at that again. */
export interface ScopeReview {
  readonly scope: string;
  readonly justification: string;
  /** A date, YYYY-MM-DD. */
  readonly reviewBy?: string | undefined;
}

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
  readonly scopeReviews: readonly ScopeReview[];
  /** What it is made of, as approved; its tokens say so, and policies can refuse what differs. */
  readonly fingerprint?: string | undefined;
  /** The template it was made from. */
  readonly template?: string | undefined;
  readonly state: AgentState;
  /** Milliseconds since the epoch, as every time in this service. */
  readonly stateSince: number;
  readonly createdAt: number;
  readonly createdBy: string;
}

export const agentCommands = ["activate", "suspend", "resume", "retire", "revoke"] as const;
export type AgentCommand = (typeof agentCommands)[number];

export type Transition =
  | { readonly kind: "changed"; readonly state: Exclude<AgentState, "registered"> }
  /** It is already so: nothing to do, nothing to tell. */
  | { readonly kind: "unchanged" }
  | { readonly kind: "refused"; readonly why: string };

/** The life of an agent: `registered → active ⇄ suspended → retired`, and `revoked` from anywhere. */
const moves: Readonly<Record<AgentCommand, { readonly from: readonly AgentState[]; readonly to: Exclude<AgentState, "registered"> }>> = {
  activate: { from: ["registered"], to: "active" },
  suspend: { from: ["active"], to: "suspended" },
  resume: { from: ["suspended"], to: "active" },
  retire: { from: ["registered", "active", "suspended"], to: "retired" },
  revoke: { from: ["registered", "active", "suspended", "retired"], to: "revoked" },
};

/** What a command does to an agent in a state. A revoked or retired agent never comes back. */
export function transition(state: AgentState, command: AgentCommand): Transition {
  const { from, to } = moves[command];
  if (state === to) return { kind: "unchanged" };
  if (from.includes(state)) return { kind: "changed", state: to };
  if (state === "revoked" || state === "retired") return { kind: "refused", why: `a ${state} agent never comes back; register another` };
  return { kind: "refused", why: `a ${state} agent cannot ${command}: only one that is ${from.join(" or ")}` };
}
