import { person } from "@aegis/contracts/operator";
import type { Database } from "@aegis/postgres/connect";
import { asService, inTenant } from "@aegis/postgres/tenant";
import { sql, type Transaction } from "kysely";
import { back, covers, type Grant } from "#domain/grant.ts";
import type { Backed, GrantStore, GrantUse, Proposal } from "#usecases/grant-ports.ts";
import type { EventWriter } from "./events.ts";
import { lockGrant, readGrants } from "./grant-rows.ts";
import { lockApproval } from "./rows.ts";
import type { Tables } from "./tables.ts";

/** So many live grants of one agent, call and rule are looked through. */
const mostCandidates = 100;

/** Standing grants in PostgreSQL. Each change and its event are one transaction. */
export function grantStore(db: Database<Tables>, events: EventWriter): GrantStore {
  return {
    propose: (proposal, user, now) => inTenant(db, proposal.tenant, (trx) => propose(trx, events, proposal, user, now)),
    back: (tenant, id, user, now) => inTenant(db, tenant, (trx) => backLocked(trx, events, { id, user, now })),

    async find(id) {
      const found = await asService(db, (trx) => trx.selectFrom("grants").select("tenant").where("id", "=", id).executeTakeFirst());
      return found && inTenant(db, found.tenant, async (trx) => (await readGrants(trx, sql`where g.id = ${id}`))[0]);
    },

    list: ({ tenant, agent, before, limit }) =>
      inTenant(db, tenant, (trx) =>
        readGrants(
          trx,
          sql`where g.tenant = ${tenant} and (${agent ?? null}::text is null or g.agent = ${agent ?? null})
            and (${before ?? null}::uuid is null or g.id < ${before ?? null}) order by g.id desc limit ${limit}`,
        ),
      ),

    covering: (tenant, call, now) =>
      inTenant(db, tenant, async (trx) => {
        const live = await readGrants(
          trx,
          sql`where g.tenant = ${tenant} and g.agent = ${call.agent} and g.tool = ${call.tool} and g.action = ${call.action}
            and g.rule_digest = ${call.ruleDigest} and g.state = 'live' and g.uses < g.max_uses and g.expires_at > ${new Date(now)}
            order by g.expires_at limit ${mostCandidates}`,
        );
        return live.find((grant) => covers(grant, call, now));
      }),

    use: (use, now) => inTenant(db, use.tenant, (trx) => spend(trx, events, use, now)),

    revoke: (tenant, id, by, now) =>
      inTenant(db, tenant, async (trx) => {
        const grant = await lockGrant(trx, id);
        return grant && revoke(trx, events, grant, by, now);
      }),

    revokeAllOf: (tenant, agent, by, now) =>
      inTenant(db, tenant, async (trx) => {
        const open = await readGrants(
          trx,
          sql`where g.tenant = ${tenant} and g.agent = ${agent} and g.state <> 'revoked' and g.expires_at > ${new Date(now)}`,
        );
        for (const { id } of open) {
          const grant = await lockGrant(trx, id);
          if (grant !== undefined) await revoke(trx, events, grant, by, now);
        }
      }),
  };
}

async function propose(
  trx: Transaction<Tables>,
  events: EventWriter,
  proposal: Proposal,
  user: string,
  now: number,
): Promise<Backed | undefined> {
  const approval = await lockApproval(trx, proposal.approvalId);
  const grant: Grant = { ...proposal, state: "proposed", backers: [], uses: 0 };
  if (approval === undefined) return undefined;
  if (back(grant, approval.requester, user, now) === "own_request") return { backing: "own_request", grant };
  const { id, tenant, approvalId, agent, subject, tool, action, queue, quorum, comment } = proposal;
  await trx
    .insertInto("grants")
    .values({
      ...{ id, tenant, agent, tool, action, queue, quorum, comment, state: "proposed" },
      approval_id: approvalId,
      subject: subject ?? null,
      rule_digest: proposal.ruleDigest,
      bounds: JSON.stringify(proposal.bounds),
      max_uses: proposal.maxUses,
      created_at: new Date(proposal.createdAt),
      expires_at: new Date(proposal.expiresAt),
    })
    .execute();
  return backLocked(trx, events, { id, user, now });
}

async function backLocked(
  trx: Transaction<Tables>,
  events: EventWriter,
  { id, user, now }: { readonly id: string; readonly user: string; readonly now: number },
): Promise<Backed | undefined> {
  const grant = await lockGrant(trx, id);
  const approval = grant && (await lockApproval(trx, grant.approvalId));
  if (grant === undefined || approval === undefined) return undefined;
  const backing = back(grant, approval.requester, user, now);
  if (backing !== "backed" && backing !== "live") return { backing, grant };
  await trx
    .insertInto("grant_backers")
    .values({ grant_id: id, tenant: grant.tenant, voter: user, person: person(user), backed_at: new Date(now) })
    .execute();
  const after: Grant = { ...grant, backers: [...grant.backers, user], state: backing === "live" ? "live" : "proposed" };
  if (backing === "live") {
    await trx.updateTable("grants").set({ state: "live" }).where("id", "=", id).where("state", "=", "proposed").execute();
    await events.granted(trx, after, now);
  }
  return { backing, grant: after };
}

/** The grant's row is locked first, so that a decision that asks twice at once is known the second time. */
async function spend(trx: Transaction<Tables>, events: EventWriter, use: GrantUse, now: number): Promise<Grant | undefined> {
  const grant = await lockGrant(trx, use.grantId);
  if (grant === undefined) return undefined;
  const { decisionId, instance, actionDigest } = use;
  const known = await trx.selectFrom("grant_uses").select("grant_id").where("decision_id", "=", decisionId).executeTakeFirst();
  if (known !== undefined) return known.grant_id === grant.id ? grant : undefined;
  const { rows } = await sql<{ uses: number }>`
    update grants set uses = uses + 1
    where id = ${grant.id} and tenant = ${use.tenant} and agent = ${use.agent} and rule_digest = ${use.ruleDigest}
      and state = 'live' and uses < max_uses and expires_at > ${new Date(now)}
    returning uses`.execute(trx);
  const [spent] = rows;
  if (spent === undefined) return undefined;
  await trx
    .insertInto("grant_uses")
    .values({
      decision_id: decisionId,
      tenant: use.tenant,
      grant_id: grant.id,
      instance,
      action_digest: actionDigest,
      used_at: new Date(now),
    })
    .execute();
  await events.grantUsed(trx, grant, { decisionId, instance, actionDigest }, now);
  return { ...grant, uses: spent.uses };
}

async function revoke(trx: Transaction<Tables>, events: EventWriter, grant: Grant, by: string, now: number): Promise<Grant> {
  if (grant.state === "revoked") return grant;
  await trx
    .updateTable("grants")
    .set({ state: "revoked", revoked_by: by, revoked_at: new Date(now) })
    .where("id", "=", grant.id)
    .execute();
  await events.grantRevoked(trx, grant, by, now);
  return { ...grant, state: "revoked", revokedBy: by };
}
