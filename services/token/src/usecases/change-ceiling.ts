import { AegisError } from "@aegis/contracts/errors";
import { normalizeScope } from "@aegis/identity/scope";
import type { Agent } from "#domain/agent.ts";
import type { Ceiling, Proposal } from "#domain/proposal.ts";
import type { Ports } from "./ports.ts";
import { publishTokens } from "./publish-revocations.ts";
import { needsSecond, propose } from "./second-person.ts";

interface Ref {
  readonly tenant: string;
  readonly agent: string;
}

/** What became of a new ceiling. */
export type CeilingChange =
  | { readonly kind: "changed"; readonly agent: Agent /** Tokens that held more, and all below them. */; readonly revoked: number }
  | { readonly kind: "proposed"; readonly proposal: Proposal };

/**
 * Gives an agent another ceiling. What is narrower is in force at once: tokens that hold more are revoked with all that was delegated
 * from them. What is wider may wait for a second person.
 *
 * @throws AegisError `not_found`; `conflict` for an agent that has ended; `invalid_argument` for a scope that is none.
 */
export async function changeCeiling(ports: Ports, ref: Ref, wanted: Ceiling, by: string): Promise<CeilingChange> {
  const ceiling = { ...wanted, scope: normalizeScope(wanted.scope), mayAct: [...new Set(wanted.mayAct)].sort() };
  const changed = await rescope(ports, ref, ceiling, by, !needsSecond(ports, "widen-scope"));
  if (changed !== undefined) return changed;
  return { kind: "proposed", proposal: await propose(ports, { action: "widen-scope", ...ref, ceiling }, by) };
}

/** The same once a second person has agreed to the proposal; where that is done already, nothing. The agent as it is then. */
export async function widenCeiling(ports: Ports, ref: Ref, ceiling: Ceiling, by: string, proposal: string): Promise<Agent> {
  const changed = await rescope(ports, ref, ceiling, by, true, proposal);
  if (changed === undefined) throw new AegisError("internal", "what may be wider was refused for being wider");
  return changed.agent;
}

/** Undefined: it would be wider, and may not. */
async function rescope(ports: Ports, ref: Ref, ceiling: Ceiling, by: string, mayWiden: boolean, proposal?: string) {
  const done = await ports.agents.rescope(ref, ceiling, { by, now: ports.clock.now().getTime(), mayWiden, proposal });
  if (done === undefined) throw new AegisError("not_found", `${ref.tenant} has no agent ${ref.agent}`);
  if (done.kind === "ended") throw new AegisError("conflict", `${ref.agent} is ${done.state}: register another`);
  if (done.kind === "wider") return undefined;
  ports.signals.tokensRevoked(done.revoked.length);
  await publishTokens(ports, done.revoked);
  return { kind: "changed" as const, agent: done.agent, revoked: done.revoked.length };
}
