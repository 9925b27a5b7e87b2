import { AegisError } from "@aegis/contracts/errors";
import { type AgentClaims, chainOf } from "@aegis/identity/claims";
import type { Database } from "@aegis/postgres/connect";
import { asService, inTenant } from "@aegis/postgres/tenant";
import { sql, type Transaction } from "kysely";
import type { Agent } from "#domain/agent.ts";
import type { GrantStore } from "#usecases/grant-ports.ts";
import { agentOf } from "./agent-store.ts";
import type { EventWriter } from "./events.ts";
import type { Tables } from "./tables.ts";
import { revokeTree } from "./token-tree.ts";

/** Tokens and used assertions in Postgres, each tenant's apart. */
export function grantStore(db: Database<Tables>, write: EventWriter): GrantStore {
  return {
    useAssertion: ({ tenant, agent }, id, expires) =>
      inTenant(db, tenant, async (trx) => {
        const used = await trx
          .insertInto("assertions")
          .values({ tenant, agent, id, expires_at: new Date(expires) })
          .onConflict((same) => same.columns(["tenant", "agent", "id"]).doNothing())
          .returning("id")
          .executeTakeFirst();
        return used !== undefined;
      }),

    grant: ({ tenant, agent, parent }, decide) =>
      inTenant(db, tenant, async (trx) => {
        const agents = await lockAgents(trx, [agent, ...(parent?.chain ?? [])]);
        const child = agents.get(agent);
        if (child === undefined) throw new AegisError("not_found", `${tenant} has no agent ${agent}`);
        const chain = (parent?.chain ?? []).flatMap((name) => agents.get(name) ?? []);
        const outcome = decide(child, chain, parent && (await lockToken(trx, parent.tokenId)));
        if (outcome.ok) await record(trx, write, outcome.claims, parent);
        return outcome;
      }),

    isLive: (claims) =>
      inTenant(db, claims.tenant, async (trx) => {
        const token = trx.selectFrom("tokens").select("id").where("id", "=", claims.jti).where("revoked_at", "is", null);
        if ((await token.executeTakeFirst()) === undefined) return false;
        const chain = [...new Set(chainOf(claims))];
        const active = trx.selectFrom("agents").select("agent").where("agent", "in", chain).where("state", "=", "active");
        return (await active.execute()).length === chain.length;
      }),

    delegations: (tenant, agent, now) =>
      inTenant(db, tenant, async (trx) => {
        const below = trx
          .selectFrom("tokens")
          .select(["id", "agent", "parent_id", "chain", "subject", "scope", "depth", "issued_at", "expires_at", "revoked_at"])
          .where("depth", ">", 0)
          .where(sql<boolean>`${agent} = any(chain)`)
          .where("expires_at", ">", new Date(now))
          .orderBy("issued_at", "desc")
          .orderBy("id")
          .limit(1_000);
        return (await below.execute()).map((row) => ({
          tokenId: row.id,
          agent: row.agent,
          ...(row.parent_id === null ? {} : { parentTokenId: row.parent_id }),
          chain: row.chain,
          subject: row.subject,
          scope: row.scope,
          depth: row.depth,
          issuedAt: row.issued_at.getTime(),
          expiresAt: row.expires_at.getTime(),
          revoked: row.revoked_at !== null,
        }));
      }),

    holder: (tenant, id) =>
      inTenant(db, tenant, (trx) =>
        trx.selectFrom("tokens").select("agent").where("id", "=", id).where("expires_at", ">", sql<Date>`now()`).executeTakeFirst(),
      ),

    revoke: (tenant, id, by, now) =>
      inTenant(db, tenant, async (trx) => {
        const revoked = await revokeTree(trx, tenant, id, now);
        const root = await trx.selectFrom("tokens").select("agent").where("id", "=", id).executeTakeFirst();
        if (revoked.length > 0 && root !== undefined) {
          const tokenIds = revoked.map((token) => token.tokenId);
          await write(trx, "tokenRevoked", tenant, now, { agent: root.agent, tokenId: id, tokenIds, by });
        }
        return revoked;
      }),

    // A margin, for clocks that differ: what this server holds to be good is never forgotten.
    purge: () =>
      asService(db, async (trx) => {
        await sql`
          insert into agent_use (tenant, agent, last_issued_at)
          select tenant, agent, max(issued_at) from tokens where expires_at < now() - interval '9 minutes' group by tenant, agent
          on conflict (tenant, agent) do update set last_issued_at = greatest(agent_use.last_issued_at, excluded.last_issued_at)`.execute(
          trx,
        );
        for (const table of ["tokens", "assertions"] as const) {
          await trx.deleteFrom(table).where("expires_at", "<", sql<Date>`now() - interval '10 minutes'`).execute();
        }
      }),
  };
}

/** FOR SHARE: whoever suspends or revokes one of them waits until this is committed, or is seen by it. In order of name, against deadlocks. */
async function lockAgents(trx: Transaction<Tables>, names: readonly string[]): Promise<Map<string, Agent>> {
  const rows = trx
    .selectFrom("agents")
    .selectAll()
    .where("agent", "in", [...new Set(names)])
    .orderBy("agent")
    .forShare();
  return new Map((await rows.execute()).map((row) => [row.agent, agentOf(row)]));
}

async function lockToken(trx: Transaction<Tables>, id: string) {
  const row = await trx.selectFrom("tokens").select("revoked_at").where("id", "=", id).forShare().executeTakeFirst();
  return row && { revoked: row.revoked_at !== null };
}

async function record(
  trx: Transaction<Tables>,
  write: EventWriter,
  claims: AgentClaims,
  parent: { readonly tokenId: string; readonly chain: readonly string[] } | undefined,
): Promise<void> {
  const { tenant, client_id: agent, jti: tokenId, scope, depth } = claims;
  const expires = new Date(claims.exp * 1000);
  await trx
    .insertInto("tokens")
    .values({
      tenant,
      id: tokenId,
      agent,
      parent_id: parent?.tokenId ?? null,
      chain: chainOf(claims),
      subject: claims.sub,
      scope,
      depth,
      issued_at: new Date(claims.iat * 1000),
      expires_at: expires,
    })
    .execute();
  const { authorization_details: authorizationDetails } = claims;
  const issued = { agent, tokenId, scope, ...(authorizationDetails && { authorizationDetails }), expiresAt: expires.toISOString() };
  const at = claims.iat * 1000;
  if (parent === undefined)
    await write(trx, "tokenIssued", tenant, at, { ...issued, ...(claims.sub === agent ? {} : { subject: claims.sub }) });
  else await write(trx, "tokenDelegated", tenant, at, { ...issued, parent: parent.chain[0]!, parentTokenId: parent.tokenId, depth });
}
