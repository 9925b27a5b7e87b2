import type { Database } from "@aegis/postgres/connect";
import { inTenant } from "@aegis/postgres/tenant";
import type { Selectable } from "kysely";
import type { Agent, AgentState } from "#domain/agent.ts";
import type { AgentStore } from "#usecases/ports.ts";
import type { EventWriter } from "./events.ts";
import type { Tables } from "./tables.ts";

const changedTo = { suspended: "agentSuspended", active: "agentResumed", revoked: "agentRevoked" } as const satisfies Record<
  AgentState,
  string
>;

/** Agents in Postgres, each tenant's apart. */
export function agentStore(db: Database<Tables>, write: EventWriter): AgentStore {
  return {
    add: (agent) =>
      inTenant(db, agent.tenant, async (trx) => {
        const added = await trx
          .insertInto("agents")
          .values(rowOf(agent))
          .onConflict((same) => same.columns(["tenant", "agent"]).doNothing())
          .returning("agent")
          .executeTakeFirst();
        if (added === undefined) return false;
        const { owner, createdBy: by, createdAt } = agent;
        await write(trx, "agentRegistered", agent.tenant, createdAt, { agent: agent.agent, owner, by });
        return true;
      }),

    find: (tenant, agent) =>
      inTenant(db, tenant, async (trx) => {
        const row = await trx.selectFrom("agents").selectAll().where("agent", "=", agent).executeTakeFirst();
        return row && agentOf(row);
      }),

    list: (tenant, after, limit) =>
      inTenant(db, tenant, async (trx) => {
        const page = trx.selectFrom("agents").selectAll().orderBy("agent").limit(limit);
        return (await (after === undefined ? page : page.where("agent", ">", after)).execute()).map(agentOf);
      }),

    change: (ref, decide, by, now) =>
      inTenant(db, ref.tenant, async (trx) => {
        const row = await trx.selectFrom("agents").selectAll().where("agent", "=", ref.agent).forUpdate().executeTakeFirst();
        if (row === undefined) return undefined;
        const agent = agentOf(row);
        const transition = decide(agent);
        if (transition.kind !== "changed") return { agent, transition };
        const { state } = transition;
        await trx
          .updateTable("agents")
          .set({ state, state_since: new Date(now) })
          .where("agent", "=", ref.agent)
          .execute();
        await write(trx, changedTo[state], ref.tenant, now, { agent: ref.agent, by });
        return { agent: { ...agent, state, stateSince: now }, transition };
      }),

    holding: (tenant, agent, use) =>
      inTenant(db, tenant, async (trx) => {
        const locked = trx.selectFrom("agents").select(["state", "state_since"]).where("agent", "=", agent).forUpdate();
        const row = await locked.executeTakeFirst();
        if (row !== undefined) await use(row.state, row.state_since.getTime());
      }),
  };
}

/** A row as the domain knows it. */
export function agentOf(row: Selectable<Tables["agents"]>): Agent {
  return {
    tenant: row.tenant,
    agent: row.agent,
    org: row.org,
    owner: row.owner,
    purpose: row.purpose,
    kind: row.kind,
    risk: row.risk,
    scope: row.scope,
    mayAct: row.may_act,
    publicJwk: row.public_jwk,
    state: row.state,
    stateSince: row.state_since.getTime(),
    createdAt: row.created_at.getTime(),
    createdBy: row.created_by,
  };
}

const rowOf = (agent: Agent) => ({
  tenant: agent.tenant,
  agent: agent.agent,
  org: agent.org,
  owner: agent.owner,
  purpose: agent.purpose,
  kind: agent.kind,
  risk: agent.risk,
  scope: [...agent.scope],
  may_act: [...agent.mayAct],
  public_jwk: JSON.stringify(agent.publicJwk),
  state: agent.state,
  state_since: new Date(agent.stateSince),
  created_at: new Date(agent.createdAt),
  created_by: agent.createdBy,
});
