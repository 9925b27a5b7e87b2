import { uncovered } from "@aegis/identity/scope";
import type { Agent, ScopeReview } from "./agent.ts";

/** Actions for which a second person can be asked. */
export const guardedActions = ["revoke-tenant", "rotate-key", "widen-scope"] as const;
export type GuardedAction = (typeof guardedActions)[number];

/** The widest that an agent's tokens can be. */
export interface Ceiling {
  readonly scope: readonly string[];
  readonly mayAct: readonly string[];
  readonly scopeReviews: readonly ScopeReview[];
}

/** What is to be done once somebody else agrees. Tenant "*" concerns all of them. */
export type Change =
  | { readonly action: "revoke-tenant"; readonly tenant: string }
  | { readonly action: "rotate-key"; readonly tenant: "*" }
  | { readonly action: "widen-scope"; readonly tenant: string; readonly agent: string; readonly ceiling: Ceiling };

export interface Proposal {
  readonly id: string;
  readonly change: Change;
  readonly by: string;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly approver?: string | undefined;
}

/** How long a proposal waits, in milliseconds. */
export const proposalMs = 3_600_000;

/** What a ceiling holds that the agent's present one does not: items of scope, and parents. */
export const widening = (agent: Pick<Agent, "scope" | "mayAct">, ceiling: Ceiling): string[] => [
  ...uncovered(agent.scope, ceiling.scope),
  ...ceiling.mayAct.filter((parent) => !agent.mayAct.includes(parent)).map((parent) => `may act for ${parent}`),
];
