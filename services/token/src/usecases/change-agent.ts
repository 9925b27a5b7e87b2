import { AegisError } from "@aegis/contracts/errors";
import { type Agent, type AgentCommand, transition } from "#domain/agent.ts";
import type { Ports } from "./ports.ts";
import { publishAgent } from "./publish-revocations.ts";

/**
 * Activates, suspends, resumes or retires an agent; `stop` revokes. From the commit on it gets no token; the bucket is told right after, and again later
 * should NATS be away.
 *
 * @throws AegisError `not_found`; `conflict` when its state does not allow it.
 */
export async function changeAgent(
  ports: Ports,
  ref: { readonly tenant: string; readonly agent: string },
  command: AgentCommand,
  by: string,
): Promise<Agent> {
  const changed = await ports.agents.change(ref, (agent) => transition(agent.state, command), by, ports.clock.now().getTime());
  if (changed === undefined) throw new AegisError("not_found", `${ref.tenant} has no agent ${ref.agent}`);
  if (changed.transition.kind === "refused") throw new AegisError("conflict", changed.transition.why);
  if (changed.transition.kind === "changed") ports.signals.agentChanged({ ...ref, command, by });
  await publishAgent(ports, ref);
  return changed.agent;
}
