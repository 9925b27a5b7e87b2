import { randomBytes } from "node:crypto";
import type { Database } from "@aegis/postgres/connect";
import { inTenant } from "@aegis/postgres/tenant";
import { sql, type Transaction } from "kysely";
import type { ApprovalState } from "#domain/approval.ts";
import type { AccessRequestStore, TaskRecord } from "#usecases/ports.ts";
import type { EventWriter } from "./events.ts";
import { addComment, keepHistory } from "./history.ts";
import type { Tables } from "./tables.ts";

/** Requests for access in PostgreSQL: what they wait for is an approval like any other. */
export function accessRequestStore(db: Database<Tables>, events: EventWriter): AccessRequestStore {
  return {
    known: (tenant, agent, key) =>
      inTenant(db, tenant, async (trx) => {
        const row = await trx
          .selectFrom("access_requests")
          .select(["approval_id", "submission_digest"])
          .where("tenant", "=", tenant)
          .where("agent", "=", agent)
          .where("idempotency_key", "=", key)
          .executeTakeFirst();
        const task = row && (await read(trx, sql`a.id = ${row.approval_id}`));
        return task && row && { ...task, submissionDigest: row.submission_digest };
      }),

    ofDecision: (tenant, decisionId) =>
      inTenant(db, tenant, (trx) =>
        read(trx, sql`a.id = (select approval_id from aliases where tenant = ${tenant} and decision_id = ${decisionId})`),
      ),

    byId: (tenant, id) => inTenant(db, tenant, (trx) => read(trx, sql`a.id = (select approval_id from aliases where id = ${id})`)),

    presented: (tenant, id, instance) =>
      inTenant(db, tenant, async (trx) => {
        const task = await read(trx, sql`a.id = (select approval_id from aliases where id = ${id})`);
        if (task === undefined) return undefined;
        const asked = trx.selectFrom("aliases").select("id").where("approval_id", "=", task.id).where("instance", "=", instance).limit(1);
        return { ...task, asked: (await asked.executeTakeFirst()) !== undefined };
      }),

    keep: ({ tenant, agent, approvalId, idempotencyKey, submissionDigest, justification, at, forgetAt }) =>
      inTenant(db, tenant, async (trx) => {
        await trx.deleteFrom("access_requests").where("tenant", "=", tenant).where("forget_at", "<", new Date(at)).execute();
        if (idempotencyKey !== "") {
          const kept = await trx
            .insertInto("access_requests")
            .values({
              ...{ tenant, agent, idempotency_key: idempotencyKey, submission_digest: submissionDigest },
              ...{ approval_id: approvalId, forget_at: new Date(forgetAt) },
            })
            .onConflict((same) => same.doNothing())
            .executeTakeFirst();
          if (kept.numInsertedOrUpdatedRows !== 1n) return false;
        }
        if (justification !== "") await addComment(trx, { id: approvalId, tenant }, { who: agent, comment: justification, at });
        return true;
      }),

    spend: ({ tenant, agent, subject, approvalId, instance, actionDigest, ruleDigest, decisionId }, binding, now) =>
      inTenant(db, tenant, async (trx) => {
        // A row that was spent has the hash of a token; nobody ever had this one.
        const { rows } = await sql<{ id: string; tool: string; action: string }>`
          update approvals
          set state = 'redeemed', override_hash = ${randomBytes(32)}, override_instance = ${binding}, redeemed_by = ${decisionId},
            redeemed_instance = ${instance}, redeemed_at = ${new Date(now)}, version = version + 1
          where id = (select approval_id from aliases where id = ${approvalId}) and tenant = ${tenant} and agent = ${agent} and subject = ${subject}
            and state = 'approved' and override_hash is null and redeemed_by is null and expires_at > ${new Date(now)}
            and action_digest = ${actionDigest} and rule_digest = ${ruleDigest}
            and exists (select 1 from aliases asked where asked.approval_id = approvals.id and asked.instance = ${binding})
          returning id, tool, action`.execute(trx);
        const [row] = rows;
        if (row === undefined) return false;
        const approval = { ...row, tenant, requester: { agent }, actionDigest, ruleDigest };
        const change = { type: "redeemed", decisionId, at: now } as const;
        await events.changed(trx, approval, change);
        await keepHistory(trx, approval, change);
        return true;
      }),
  };
}

interface Row {
  id: string;
  tenant: string;
  state: ApprovalState;
  agent: string;
  subject: string;
  action_digest: string;
  rule_digest: string;
  quorum: number;
  approvers: number;
  expires_at: Date;
  decided_at: Date | null;
  handed_out: boolean;
  redeemed_by: string | null;
  redeemed_instance: string | null;
  redeemed_at: Date | null;
}

async function read(trx: Transaction<Tables>, which: ReturnType<typeof sql>): Promise<TaskRecord | undefined> {
  const { rows } = await sql<Row>`
    select a.id, a.tenant, a.state, a.agent, a.subject, a.action_digest, a.rule_digest, a.quorum, a.expires_at, a.decided_at, a.redeemed_by,
      a.redeemed_instance, a.redeemed_at, a.override_hash is not null as handed_out,
      (select count(distinct person) from votes v where v.approval_id = a.id and v.decision = 'approve')::int as approvers
    from approvals a where ${which}`.execute(trx);
  const [row] = rows;
  return (
    row && {
      ...{
        id: row.id,
        tenant: row.tenant,
        state: row.state,
        agent: row.agent,
        subject: row.subject,
        quorum: row.quorum,
        approvers: row.approvers,
      },
      ...{ actionDigest: row.action_digest, ruleDigest: row.rule_digest, handedOut: row.handed_out },
      expiresAt: row.expires_at.getTime(),
      decidedAt: row.decided_at?.getTime(),
      redeemedBy: row.redeemed_by ?? undefined,
      redeemedInstance: row.redeemed_instance ?? undefined,
      redeemedAt: row.redeemed_at?.getTime(),
    }
  );
}
