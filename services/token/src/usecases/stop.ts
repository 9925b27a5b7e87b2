import { AegisError } from "@aegis/contracts/errors";
import { transition } from "#domain/agent.ts";
import { agentKey, type Revocation, revocationKey, type StopTarget } from "#domain/revocation.ts";
import type { Ports } from "./ports.ts";
import { publishAgent } from "./publish-revocations.ts";
import { revocationValue } from "./revocation-value.ts";
import type { ReplicaStop } from "./stop-ports.ts";

type Needs = Pick<Ports, "agents" | "revocations" | "board" | "clock" | "signals" | "journal" | "enforcers">;

/** What a kill switch did. */
export interface Stopped {
  readonly target: StopTarget;
  /** Agents that were not revoked before; unknown while PostgreSQL is away. */
  readonly agents?: readonly string[];
  /** PostgreSQL was away: the order is in the journal, and is carried out there once it is back. */
  readonly journaled: boolean;
  /** When the order came, in milliseconds since the epoch. */
  readonly orderedAt: number;
  /** Milliseconds from the order until it was durable. */
  readonly durableMs: number;
  /** Milliseconds from the order until the last replica that confirmed it; absent when none did. */
  readonly tookMs?: number;
  readonly replicas: readonly ReplicaStop[];
}

/**
 * Revokes an agent, an owner's agents or a tenant's. From the commit on nothing of theirs is minted. Then the bucket is told, and
 * the replicas that decide are waited for, up to `waitMs`. With PostgreSQL away the order goes into the journal, to the bucket and
 * into the signed snapshot at once.
 *
 * @throws AegisError `not_found`; `unavailable` when neither PostgreSQL nor the journal takes the order.
 */
export async function stop(ports: Needs, target: StopTarget, by: string, waitMs: number): Promise<Stopped> {
  const begun = performance.now();
  const orderedAt = ports.clock.now().getTime();
  const { agents, journaled } = await stopDurably(ports, target, by);
  const durableMs = performance.now() - begun;
  const since = ports.clock.now().getTime();
  const revision = await tell(ports, target, agents, since);
  const replicas = await ports.enforcers.stopped({ revision, since, begun, journaled }, waitMs);
  const took = replicas.flatMap(({ ms }) => (ms === undefined ? [] : [ms]));
  return {
    target,
    ...(agents === undefined ? {} : { agents }),
    journaled,
    orderedAt,
    durableMs,
    ...(took.length === 0 ? {} : { tookMs: Math.max(...took) }),
    replicas,
  };
}

async function stopDurably(ports: Needs, target: StopTarget, by: string): Promise<{ agents?: readonly string[]; journaled: boolean }> {
  try {
    const agents = await carryOut(ports, target, by, ports.clock.now().getTime());
    return { agents, journaled: false };
  } catch (error) {
    if (!(error instanceof AegisError) || error.code !== "unavailable") throw error;
    if (target.kind === "owner") {
      throw new AegisError(
        "unavailable",
        `PostgreSQL is away: nobody knows ${target.name}'s agents now; revoke them by name, or the tenant`,
      );
    }
    await ports.journal.add({ target, by, at: ports.clock.now().getTime() });
    return { journaled: true };
  }
}

/** Revokes in PostgreSQL; the agents newly revoked. Carrying it out twice changes nothing. */
async function carryOut(ports: Needs, target: StopTarget, by: string, at: number): Promise<readonly string[]> {
  const { kind, tenant, name } = target;
  if (kind !== "agent") {
    const agents = await ports.agents.stop({ kind, tenant, name }, by, at);
    for (const agent of agents) ports.signals.agentChanged({ tenant, agent, command: "revoke", by });
    return agents;
  }
  const changed = await ports.agents.change({ tenant, agent: name }, ({ state }) => transition(state, "revoke"), by, at);
  if (changed === undefined) throw new AegisError("not_found", `${tenant} has no agent ${name}`);
  if (changed.transition.kind !== "changed") return [];
  ports.signals.agentChanged({ tenant, agent: name, command: "revoke", by });
  return [name];
}

const atOnce = 32;

/** Tells the bucket; the revision by which all of it is told, or undefined when it could not be told. */
async function tell(ports: Needs, target: StopTarget, agents: readonly string[] | undefined, since: number): Promise<number | undefined> {
  const { kind, tenant, name } = target;
  // The tenant's one entry stops all its agents; theirs follow with the next round.
  const keys: Revocation[] =
    kind === "tenant"
      ? [{ tenant, since }]
      : (kind === "agent" ? [name] : (agents ?? [])).map((agent) => ({ tenant, agent, state: "revoked", since }));
  try {
    const revisions = [0];
    for (let from = 0; from < keys.length; from += atOnce) {
      const told = keys.slice(from, from + atOnce).map((one) => ports.board.put(revocationKey(one), JSON.stringify(revocationValue(one))));
      revisions.push(...(await Promise.all(told)));
    }
    ports.signals.revocationPublished((ports.clock.now().getTime() - since) / 1000);
    return Math.max(...revisions);
  } catch (error) {
    ports.board.missed();
    ports.signals.revocationNotPublished(error);
    return undefined;
  }
}

/**
 * Carries out in PostgreSQL what the journal took while it was away. An order for an agent that does not exist is dropped.
 *
 * @throws AegisError `unavailable` while PostgreSQL is still away: the orders stay.
 */
export async function replayJournal(ports: Needs): Promise<void> {
  for (const order of ports.journal.pending()) {
    const { target, by, at } = order;
    try {
      await carryOut(ports, target, by, at);
    } catch (error) {
      if (!(error instanceof AegisError) || error.code !== "not_found") throw error;
      await ports.board.remove(agentKey(target.tenant, target.name));
    }
    await ports.journal.settle(order);
    if (target.kind === "agent") await publishAgent(ports, { tenant: target.tenant, agent: target.name });
  }
}

/** What the journal's orders say to whoever decides. */
export const journaledRevocations = (journal: Ports["journal"]): Revocation[] =>
  journal
    .pending()
    .map(({ target: { kind, tenant, name }, at }) =>
      kind === "tenant" ? { tenant, since: at } : { tenant, agent: name, state: "revoked", since: at },
    );
