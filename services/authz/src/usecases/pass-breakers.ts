import { type BreakerCause, breakerCauses } from "@aegis/contracts/breaker-causes";
import type { Reason } from "@aegis/contracts/reasons";
import type { BreakerRule } from "@aegis/policy/ir";
import { accounts } from "@aegis/policy/limits";
import type { Breakers, OpenBreaker } from "#domain/breakers.ts";
import type { ActivePolicy } from "#domain/policies.ts";
import type { Streaks } from "#domain/streaks.ts";
import type { Probes } from "./ports.ts";
import { contextOf, type Work } from "./work.ts";

export interface BreakerPorts {
  readonly breakers: Breakers;
  readonly streaks: Streaks;
  readonly probes: Probes;
}

/** A call that a breaker stops. */
export interface Paused {
  readonly reason: Reason;
  /** Seconds. */
  readonly retryAfter: number;
}

/** A probe is out, or was refused just now: nobody asks for another one so soon. */
const pauseMs = 1_000;

/** The open breakers that a call meets: none, where no policy of the tenant wants any. A dry run meets none: it probes nothing. */
export function breakersOf(ports: BreakerPorts, work: Work, { snapshot }: ActivePolicy): readonly OpenBreaker[] {
  if (snapshot.governance.breaker === undefined || work.call.dryRun) return [];
  const { tenant, agent } = work.base.principal;
  const open = ports.breakers.of(tenant, agent, contextOf(work).promptId);
  if (open.length > 0) ports.streaks.forget(streakOf(tenant, agent));
  return open.length > 0 ? open : suspected(ports, tenant, agent, snapshot.governance.breaker, work.now.getTime());
}

/** An agent that loops here is paused here at once; the budget service is told, and tells all others. */
function suspected(ports: BreakerPorts, tenant: string, agent: string, rule: BreakerRule, now: number): readonly OpenBreaker[] {
  const cause = ports.streaks.take(streakOf(tenant, agent), rule, now);
  if (cause === undefined) return [];
  ports.probes.trip(tenant, agent, cause);
  return [ports.breakers.suspect(tenant, { scope: accounts.agent(agent), cause, until: now + rule.pauseSeconds * 1000 })];
}

/** Names an agent among the streaks. */
export const streakOf = (tenant: string, agent: string): string => `${tenant}\n${agent}`;

/** Undefined when the call may go ahead as a probe of all of these breakers. */
export async function passBreakers(
  ports: BreakerPorts,
  work: Work,
  open: readonly OpenBreaker[],
  rule: string | undefined,
): Promise<Paused | undefined> {
  const now = work.now.getTime();
  const last = open.reduce((a, b) => (b.askAgainAt > a.askAgainAt ? b : a));
  if (last.askAgainAt > now) return paused(last, last.askAgainAt - now, rule);
  for (const one of open) one.askAgainAt = now + pauseMs;
  const { tenant } = work.base.principal;
  const scopes = open.map(({ scope }) => scope);
  const passage = await ports.probes.probe(tenant, scopes, work.id);
  if (passage.passes) {
    ports.breakers.passed(tenant, open);
    return undefined;
  }
  for (const one of open) one.askAgainAt = now + Math.min(passage.retryAfterMs, pauseMs);
  return paused(last, passage.retryAfterMs, rule);
}

function paused({ scope, cause }: OpenBreaker, waitMs: number, rule: string | undefined): Paused {
  const message = `${scope} is paused (${Object.hasOwn(breakerCauses, cause) ? breakerCauses[cause as BreakerCause] : cause}); after the pause one call at a time goes ahead as a probe`;
  return {
    reason: { code: "circuit_open", message, ...(rule !== undefined && { rule }) },
    retryAfter: Math.max(1, Math.ceil(waitMs / 1000)),
  };
}
