import { AegisError } from "@aegis/contracts/errors";
import type { PublicJwk } from "@aegis/identity/keys";
import { normalizeScope } from "@aegis/identity/scope";
import type { Agent, AgentKind, RiskTier, ScopeReview } from "#domain/agent.ts";
import { fromTemplate, type Templated } from "#domain/template.ts";
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
  /** The template it is made from. */
  readonly template?: string | undefined;
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

type Asked = Omit<Registration, keyof Templated> & Templated;

/**
 * Registers an agent. What it leaves out comes from the template that it names, else it is the least there is.
 *
 * @throws AegisError `already_exists`; `invalid_argument` for a scope that is none, or no scope at all; `permission_denied` beyond its
 *   template; `not_found` for a template that is not there.
 */
export async function registerAgent(ports: Ports, asked: Asked, by: string): Promise<Agent> {
  const agent = agentOf(await completed(ports, asked), by, ports.clock.now().getTime());
  const kept = await ports.agents.add(agent);
  if (kept === undefined) throw new AegisError("already_exists", `${agent.agent} is already registered in ${agent.tenant}`);
  ports.signals.registered({ tenant: agent.tenant, agent: agent.agent, by });
  return kept;
}

async function completed(ports: Ports, { template: name, ...asked }: Asked): Promise<Registration> {
  if (name === undefined) {
    if (asked.scope === undefined) throw new AegisError("invalid_argument", "scope must be given, or a template that has one");
    const { purpose = "", kind = "agentic", risk = "low", mayAct = [], scopeReviews = [] } = asked;
    return { ...asked, scope: asked.scope, purpose, kind, risk, mayAct, scopeReviews };
  }
  const [template] = await ports.templates.list(asked.tenant, name);
  if (template === undefined) throw new AegisError("not_found", `${asked.tenant} has no template ${name}`);
  const made = fromTemplate(template, asked);
  if (!made.ok) throw new AegisError("permission_denied", made.why);
  return { ...made.registration, template: name };
}
