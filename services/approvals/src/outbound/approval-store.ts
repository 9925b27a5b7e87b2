import { AegisError } from "@aegis/contracts/errors";
import { person } from "@aegis/contracts/operator";
import type { Database } from "@aegis/postgres/connect";
import { asService, inTenant } from "@aegis/postgres/tenant";
import { sql, type Transaction } from "kysely";
import { decide, evolve, lapsed, type Outcome } from "#domain/approval.ts";
import type { ApprovalRecord, ApprovalStore, Ask, Group } from "#usecases/ports.ts";
import { planDecided, planRequested } from "./delivery-store.ts";
import type { EventWriter } from "./events.ts";
import { keepHistory } from "./history.ts";
import { lockApproval, readApprovals } from "./rows.ts";
import type { Tables } from "./tables.ts";

/** A metric has few labels: the deepest queues are enough. */
const mostQueues = 200;

/** What one person can look at in one go. */
const mostGroups = 100;
const mostInGroup = 100;
const mostShown = 10;

/** Approvals in PostgreSQL. Every change of state and its event are one transaction. */
export function approvalStore(db: Database<Tables>, events: EventWriter): ApprovalStore {
  return {
    request: (ask, now) => inTenant(db, ask.tenant, (trx) => request(trx, events, ask, now)),

    async find(id, tenant) {
      const read = async (trx: Transaction<Tables>) =>
        (await readApprovals(trx, sql`where a.id = (select approval_id from aliases where id = ${id})`))[0];
      if (tenant !== undefined) return inTenant(db, tenant, read);
      const alias = await asService(db, (trx) => trx.selectFrom("aliases").select("tenant").where("id", "=", id).executeTakeFirst());
      return alias && inTenant(db, alias.tenant, read);
    },

    list: ({ tenant, state, queue, before, limit }) =>
      inTenant(db, tenant, (trx) =>
        readApprovals(
          trx,
          sql`where a.tenant = ${tenant} and (${state ?? null}::text is null or a.state = ${state ?? null})
            and (${queue ?? null}::text is null or a.queue = ${queue ?? null}) and (${before ?? null}::uuid is null or a.id < ${before ?? null})
            order by a.id desc limit ${limit}`,
        ),
      ),

    change: (tenant, id, decideOn) =>
      inTenant(db, tenant, async (trx) => {
        const approval = await lockApproval(trx, id);
        if (approval === undefined) return undefined;
        const outcome = decideOn(approval);
        return { outcome, approval: await keep(trx, events, approval, outcome) };
      }),

    due: (now, limit) =>
      asService(db, (trx) =>
        trx
          .selectFrom("approvals")
          .select(["tenant", "id"])
          .where("state", "in", ["pending", "approved"])
          .where("expires_at", "<=", new Date(now))
          .orderBy("expires_at")
          .limit(limit)
          .execute(),
      ),

    earlier: ({ id, tenant, tool, action, requester: { agent } }, limit) =>
      inTenant(db, tenant, async (trx) => {
        const rows = await trx
          .selectFrom("approvals")
          .select("arguments")
          .where("tenant", "=", tenant)
          .where("agent", "=", agent)
          .where("tool", "=", tool)
          .where("action", "=", action)
          .where("id", "<", id)
          .orderBy("id", "desc")
          .limit(limit)
          .execute();
        return rows.map((row) => row.arguments);
      }),

    groups: (tenant) =>
      inTenant(db, tenant, async (trx) => {
        const { rows } = await sql<Group>`
          select agent, subject, tool, action, rule_digest as "ruleDigest", queue, quorum,
            (array_agg(id order by id desc))[1:${mostInGroup}] as ids, (array_agg(arguments order by id desc))[1:${mostShown}] as arguments
          from approvals where tenant = ${tenant} and state = 'pending'
          group by agent, subject, tool, action, rule_digest, queue, quorum
          order by count(*) desc, agent, tool, action limit ${mostGroups}`.execute(trx);
        return rows;
      }),

    openOf: (tenant, agent) =>
      inTenant(db, tenant, async (trx) => {
        const open = trx.selectFrom("approvals").select("id").where("agent", "=", agent).where("state", "in", ["pending", "approved"]);
        return (await open.execute()).map((row) => row.id);
      }),

    pending: () =>
      asService(db, async (trx) => {
        const counted = trx
          .selectFrom("approvals")
          .select((all) => ["tenant", "queue", all.fn.countAll<number>().as("many")])
          .where("state", "=", "pending")
          .groupBy(["tenant", "queue"])
          .orderBy("many", "desc")
          .limit(mostQueues);
        return counted.execute();
      }),

    async keepOwner(tenant, agent, owner) {
      await inTenant(db, tenant, (trx) =>
        trx
          .insertInto("owners")
          .values({ tenant, agent, owner })
          .onConflict((same) => same.columns(["tenant", "agent"]).doUpdateSet({ owner }))
          .execute(),
      );
    },

    async keepAuthor(tenant, version, author) {
      await inTenant(db, tenant, (trx) =>
        trx
          .insertInto("policy_authors")
          .values({ tenant, version, author })
          .onConflict((same) => same.doNothing())
          .execute(),
      );
    },
  };
}

async function request(trx: Transaction<Tables>, events: EventWriter, ask: Ask, now: number): Promise<"opened" | "folded" | "known"> {
  const known = await trx.selectFrom("aliases").select("id").where("id", "=", ask.id).executeTakeFirst();
  if (known !== undefined) return "known";
  for (;;) {
    if (await open(trx, ask)) {
      await events.requested(trx, ask);
      await alias(trx, ask, ask.id);
      await planRequested(trx, ask, now);
      return "opened";
    }
    const pending = await lockPending(trx, ask);
    // Decided since the insert met it: the next insert will pass.
    if (pending === undefined) continue;
    if (lapsed(pending, now)) {
      await keep(trx, events, pending, decide(pending, { type: "expire", at: now }));
      continue;
    }
    await alias(trx, ask, pending.id);
    return "folded";
  }
}

/** Keeps what follows from a decision on a locked approval: the votes, the new state and the events. */
async function keep(trx: Transaction<Tables>, events: EventWriter, before: ApprovalRecord, outcome: Outcome): Promise<ApprovalRecord> {
  if (outcome.changes.length === 0) return before;
  const after = { ...before, ...outcome.changes.reduce(evolve, before), version: before.version + 1 } as ApprovalRecord;
  const updated = await trx
    .updateTable("approvals")
    .set({ state: after.state, expires_at: new Date(after.expiresAt), decided_by: [...after.decidedBy], version: after.version })
    .$if(after.state !== before.state, (update) => update.set({ decided_at: sql<Date>`coalesce(decided_at, now())` }))
    .where("id", "=", before.id)
    .where("state", "=", before.state)
    .where("version", "=", before.version)
    .executeTakeFirst();
  if (updated.numUpdatedRows !== 1n) throw new AegisError("conflict", "the approval changed meanwhile; try again");
  for (const change of outcome.changes) {
    if (change.type === "voted") {
      const { user, decision, comment, at } = change.vote;
      const row = { voter: user, person: person(user), decision, comment, voted_at: new Date(at) };
      await trx
        .insertInto("votes")
        .values({ approval_id: before.id, tenant: before.tenant, ...row })
        .execute();
    }
    await events.changed(trx, before, change);
    await keepHistory(trx, before, change);
    if (change.type !== "voted" && change.type !== "redeemed") await planDecided(trx, before, change.type, change.at);
  }
  return after;
}

/** False when the same call under the same rule is pending already. */
async function open(trx: Transaction<Tables>, ask: Ask): Promise<boolean> {
  const { rows } = await sql`
    insert into approvals (id, tenant, state, agent, subject, chain, tool, action, arguments, reasons, action_digest, rule_digest, queue, quorum,
      requested_at, expires_at, policy_version)
    values (${ask.id}, ${ask.tenant}, 'pending', ${ask.requester.agent}, ${ask.requester.subject}, ${[...ask.requester.chain]}, ${ask.tool},
      ${ask.action}, ${JSON.stringify(ask.arguments)}, ${JSON.stringify(ask.reasons)}, ${ask.actionDigest}, ${ask.ruleDigest}, ${ask.queue},
      ${ask.quorum}, ${new Date(ask.requestedAt)}, ${new Date(ask.expiresAt)}, ${ask.policyVersion ?? null})
    on conflict (tenant, agent, action_digest, rule_digest) where state = 'pending' do nothing
    returning id`.execute(trx);
  return rows.length === 1;
}

async function lockPending(trx: Transaction<Tables>, ask: Ask): Promise<ApprovalRecord | undefined> {
  const pending = await trx
    .selectFrom("approvals")
    .select("id")
    .where("tenant", "=", ask.tenant)
    .where("agent", "=", ask.requester.agent)
    .where("action_digest", "=", ask.actionDigest)
    .where("rule_digest", "=", ask.ruleDigest)
    .where("state", "=", "pending")
    .executeTakeFirst();
  const locked = pending && (await lockApproval(trx, pending.id));
  return locked?.state === "pending" ? locked : undefined;
}

async function alias(trx: Transaction<Tables>, ask: Ask, approvalId: string): Promise<void> {
  await trx
    .insertInto("aliases")
    .values({ id: ask.id, tenant: ask.tenant, approval_id: approvalId, instance: ask.requester.instance, decision_id: ask.decisionId })
    .onConflict((same) => same.column("id").doNothing())
    .execute();
}
