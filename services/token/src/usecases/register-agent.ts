import { AegisError } from "@aegis/contracts/errors";
import type { PublicJwk } from "@aegis/identity/keys";
import { normalizeScope } from "@aegis/identity/scope";
import type { Agent, AgentKind, RiskTier, ScopeReview } from "#domain/agent.ts";
import type { Ports } from "./ports.ts";

export interface Registration {
  readonly tenant: string;
  readonly agent: string;
  readonly org?: string | undefined;
  readonly owner: string;
  readonly purpose: string;
  readonly kind: AgentKind;
  readonly risk: RiskTier;
  readonly scope: readonly string[];
  readonly mayAct: readonly string[];
  readonly publicJwk: PublicJwk;
  readonly scopeReviews?: readonly ScopeReview[] | undefined;
  readonly fingerprint?: string | undefined;
  readonly state?: "registered" | "active" | undefined;
}

/** An agent as it is registered at a time. @throws AegisError `invalid_argument` for a scope that is none. */
export function agentOf(registration: Registration, by: string, now: number): Agent {
  return {
    ...registration,
    org: registration.org ?? registration.tenant,
    scope: normalizeScope(registration.scope),
    mayAct: [...new Set(registration.mayAct)].sort(),
    scopeReviews: registration.scopeReviews ?? [],
    state: registration.state ?? "active",
    stateSince: now,
    createdAt: now,
    createdBy: by,
  };
}

/** @throws AegisError `already_exists`; `invalid_argument` for a scope that is none. */
export async function registerAgent(ports: Ports, registration: Registration, by: string): Promise<Agent> {
  const agent = agentOf(registration, by, ports.clock.now().getTime());
  if (!(await ports.agents.add(agent))) {
    throw new AegisError("already_exists", `${agent.agent} is already registered in ${agent.tenant}`);
  }
  ports.signals.registered({ tenant: agent.tenant, agent: agent.agent, by });
  return agent;
}
