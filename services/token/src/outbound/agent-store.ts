import { AegisError } from "@aegis/contracts/errors";
import { parseScope, uncovered } from "@aegis/identity/scope";
import type { Database } from "@aegis/postgres/connect";
import { inTenant } from "@aegis/postgres/tenant";
import { type Selectable, sql } from "kysely";
import type { Agent, AgentState } from "#domain/agent.ts";
import { widening } from "#domain/proposal.ts";
import type { TokenRevocation } from "#domain/revocation.ts";
import type { AgentStore } from "#usecases/registry-ports.ts";
import type { EventWriter } from "./events.ts";
import { orgIn } from "./org-store.ts";
import { finishIn } from "./proposal-store.ts";
import type { Tables, Trx } from "./tables.ts";
import { revokeTree } from "./token-tree.ts";

const changedTo = (from: AgentState, to: Exclude<AgentState, "registered">) =>
  to === "active"
    ? from === "registered"
      ? ("agentActivated" as const)
      : ("agentResumed" as const)
    : ({ suspended: "agentSuspended", retired: "agentRetired", revoked: "agentRevoked" } as const)[to];

/** Agents in Postgres, each tenant's apart. */
export function agentStore(db: Database<Tables>, write: EventWriter): AgentStore {
  return {
    add: (agent) => inTenant(db, agent.tenant, async (trx) => addAgent(trx, write, agent)),

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
        await write(trx, changedTo(agent.state, state), ref.tenant, now, { agent: ref.agent, by });
        return { agent: { ...agent, state, stateSince: now }, transition };
      }),

    stop: (target, by, now) =>
      inTenant(db, target.tenant, async (trx) => {
        const { kind, tenant, name } = target;
        // Whoever registers holds the other half of this lock: nothing comes in behind a stop.
        await sql`select pg_advisory_xact_lock(hashtext(${registryLock(tenant)}))`.execute(trx);
        await trx
          .insertInto("stops")
          .values({ tenant, kind, name, since: new Date(now), by })
          .onConflict((same) => same.columns(["tenant", "kind", "name"]).doNothing())
          .execute();
        const all = trx.selectFrom("agents").select("agent").where("state", "<>", "revoked").orderBy("agent").forUpdate();
        const rows = await (kind === "owner" ? all.where(sql`lower(owner)`, "=", name) : all).execute();
        const agents = rows.map((row) => row.agent);
        if (agents.length > 0) {
          await trx
            .updateTable("agents")
            .set({ state: "revoked", state_since: new Date(now) })
            .where("agent", "in", agents)
            .execute();
        }
        for (const agent of agents) await write(trx, "agentRevoked", tenant, now, { agent, by });
        if (kind === "owner") await write(trx, "ownerRevoked", tenant, now, { owner: name, agents, by });
        else await write(trx, "tenantRevoked", tenant, now, { agents: agents.length, by });
        return agents;
      }),

    approveFingerprint: (ref, fingerprint, by, now) =>
      inTenant(db, ref.tenant, async (trx) => {
        const row = await trx.updateTable("agents").set({ fingerprint }).where("agent", "=", ref.agent).returningAll().executeTakeFirst();
        if (row === undefined) return undefined;
        await write(trx, "fingerprintApproved", ref.tenant, now, { agent: ref.agent, fingerprint, by });
        return agentOf(row);
      }),

    rescope: (ref, ceiling, { by, now, mayWiden, proposal }) =>
      inTenant(db, ref.tenant, async (trx) => {
        const row = await trx.selectFrom("agents").selectAll().where("agent", "=", ref.agent).forUpdate().executeTakeFirst();
        if (row === undefined) return undefined;
        const agent = agentOf(row);
        if (agent.state === "revoked" || agent.state === "retired") return { kind: "ended", state: agent.state };
        const added = widening(agent, ceiling);
        if (added.length > 0 && !mayWiden) return { kind: "wider" };
        if (proposal !== undefined && !(await finishIn(trx, ref.tenant, proposal, now))) return { kind: "changed", agent, revoked: [] };
        const { scope, mayAct, scopeReviews } = ceiling;
        await trx
          .updateTable("agents")
          .set({ scope: [...scope], may_act: [...mayAct], scope_reviews: JSON.stringify(scopeReviews) })
          .where("agent", "=", ref.agent)
          .execute();
        const revoked = await revokeWider(trx, ref, scope, now);
        if (revoked.length > 0) {
          const [first] = revoked;
          const tokenIds = revoked.map(({ tokenId }) => tokenId);
          await write(trx, "tokenRevoked", ref.tenant, now, { agent: ref.agent, tokenId: first!.tokenId, tokenIds, by });
        }
        await write(trx, "agentRescoped", ref.tenant, now, { agent: ref.agent, scope: [...scope], mayAct: [...mayAct], added, by });
        return { kind: "changed", agent: { ...agent, ...ceiling }, revoked };
      }),

    lastUse: (tenant) =>
      inTenant(db, tenant, async (trx) => {
        const { rows } = await sql<{ agent: string; at: Date }>`
          select agent, max(at) as at from (
            select agent, last_issued_at as at from agent_use
            union all select agent, issued_at from tokens
          ) used group by agent`.execute(trx);
        return new Map(rows.map(({ agent, at }) => [agent, at.getTime()]));
      }),

    holding: (tenant, agent, use) =>
      inTenant(db, tenant, async (trx) => {
        const locked = trx.selectFrom("agents").select(["state", "state_since"]).where("agent", "=", agent).forUpdate();
        const row = await locked.executeTakeFirst();
        if (row !== undefined) await use(row.state, row.state_since.getTime());
      }),
  };
}

/** Revokes the agent's living tokens that hold more than a scope, and all below them. */
async function revokeWider(trx: Trx, ref: { tenant: string; agent: string }, scope: readonly string[], now: number) {
  const living = trx.selectFrom("tokens").select(["id", "scope"]).where("agent", "=", ref.agent).where("revoked_at", "is", null);
  const revoked: TokenRevocation[] = [];
  for (const token of await living.where("expires_at", ">", new Date(now)).execute())
    if (uncovered(scope, parseScope(token.scope)).length > 0) revoked.push(...(await revokeTree(trx, ref.tenant, token.id, now)));
  return revoked;
}

const registryLock = (tenant: string) => `registry of ${tenant}`;

/**
 * Adds an agent with its event, in the caller's transaction; false when there is one of that name. Nothing is added under an
 * owner or a tenant that was revoked.
 *
 * @throws AegisError `precondition_failed` when so.
 */
export async function addAgent(trx: Trx, write: EventWriter, agent: Agent): Promise<Agent | undefined> {
  const { tenant, owner, createdBy: by, createdAt } = agent;
  await sql`select pg_advisory_xact_lock_shared(hashtext(${registryLock(tenant)}))`.execute(trx);
  const names = [owner.toLowerCase(), tenant];
  const stop = await trx.selectFrom("stops").select(["kind", "name"]).where("name", "in", names).executeTakeFirst();
  if (stop !== undefined) throw new AegisError("precondition_failed", `the ${stop.kind} ${stop.name} is revoked: it gets no new agents`);
  const org = (await orgIn(trx, tenant)) ?? tenant;
  if (agent.org !== org && agent.org !== tenant) throw new AegisError("invalid_argument", `${tenant} is not a tenant of ${agent.org}`);
  const added = await trx
    .insertInto("agents")
    .values({ ...rowOf(agent), org })
    .onConflict((same) => same.columns(["tenant", "agent"]).doNothing())
    .returning("agent")
    .executeTakeFirst();
  if (added === undefined) return undefined;
  await write(trx, "agentRegistered", tenant, createdAt, { agent: agent.agent, owner, by });
  return { ...agent, org };
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
    scopeReviews: row.scope_reviews,
    ...(row.fingerprint === null ? {} : { fingerprint: row.fingerprint }),
    ...(row.template === null ? {} : { template: row.template }),
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
  scope_reviews: JSON.stringify(agent.scopeReviews),
  fingerprint: agent.fingerprint ?? null,
  template: agent.template ?? null,
  state: agent.state,
  state_since: new Date(agent.stateSince),
  created_at: new Date(agent.createdAt),
  created_by: agent.createdBy,
});
