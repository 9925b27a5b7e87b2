import type { Database } from "@aegis/postgres/connect";
import { asService, inTenant } from "@aegis/postgres/tenant";
import { sql } from "kysely";
import type { Override } from "#domain/override.ts";
import type { OverrideStore } from "#usecases/ports.ts";
import type { EventWriter } from "./events.ts";
import { keepHistory } from "./history.ts";
import type { Tables } from "./tables.ts";

/** Overrides in PostgreSQL: columns of their approval's row, so that state and token can never disagree. */
export function overrideStore(db: Database<Tables>, events: EventWriter): OverrideStore {
  return {
    collect: ({ tenant, approvalId, agent, instance, hash, now, expiresAt }) =>
      inTenant(db, tenant, async (trx) => {
        const handed = await sql`
          update approvals
          set override_hash = ${Buffer.from(hash)}, override_instance = ${instance}, expires_at = ${new Date(expiresAt)}, version = version + 1
          where id = ${approvalId} and tenant = ${tenant} and agent = ${agent}
            and state = 'approved' and override_hash is null and expires_at > ${new Date(now)}
          returning id`.execute(trx);
        return handed.rows.length === 1;
      }),

    askedBy: (tenant, approvalId, instance) =>
      inTenant(db, tenant, async (trx) => {
        const asked = trx
          .selectFrom("aliases")
          .select("id")
          .where("approval_id", "=", approvalId)
          .where("instance", "=", instance)
          .limit(1);
        return (await asked.executeTakeFirst()) !== undefined;
      }),

    redeem: (hash, attempt, now) =>
      inTenant(db, attempt.tenant, async (trx) => {
        const { rows } = await sql<Row>`
          update approvals
          set state = 'redeemed', redeemed_by = ${attempt.decisionId}, redeemed_instance = ${attempt.instance}, redeemed_at = ${new Date(now)}, version = version + 1
          where override_hash = ${Buffer.from(hash)} and state = 'approved' and redeemed_by is null and expires_at > ${new Date(now)}
            and tenant = ${attempt.tenant} and agent = ${attempt.agent}
            and (override_instance = '' or override_instance = ${attempt.instance})
            and action_digest = ${attempt.actionDigest} and rule_digest = ${attempt.ruleDigest}
          returning ${columns}`.execute(trx);
        const [row] = rows;
        if (row === undefined) return undefined;
        const approval = {
          id: row.id,
          tenant: row.tenant,
          requester: { agent: row.agent },
          tool: row.tool,
          action: row.action,
          actionDigest: row.action_digest,
          ruleDigest: row.rule_digest,
        };
        const change = { type: "redeemed", decisionId: attempt.decisionId, at: now } as const;
        await events.changed(trx, approval, change);
        await keepHistory(trx, approval, change);
        return overrideOf(row);
      }),

    look: (hash) =>
      asService(db, async (trx) => {
        const { rows } = await sql<Row>`select ${columns} from approvals where override_hash = ${Buffer.from(hash)}`.execute(trx);
        return rows[0] && overrideOf(rows[0]);
      }),
  };
}

const columns = sql.raw(`id, tenant, state, agent, tool, action, action_digest, rule_digest, decided_by, expires_at,
  override_instance, redeemed_by, redeemed_instance`);

interface Row {
  id: string;
  tenant: string;
  state: string;
  agent: string;
  tool: string;
  action: string;
  action_digest: string;
  rule_digest: string;
  decided_by: string[];
  expires_at: Date;
  override_instance: string | null;
  redeemed_by: string | null;
  redeemed_instance: string | null;
}

const overrideOf = (row: Row): Override => ({
  approvalId: row.id,
  approvers: row.decided_by,
  binding: {
    tenant: row.tenant,
    agent: row.agent,
    instance: row.override_instance ?? "",
    actionDigest: row.action_digest,
    ruleDigest: row.rule_digest,
  },
  state: row.state,
  expiresAt: row.expires_at.getTime(),
  redeemedBy: row.redeemed_by ?? undefined,
  redeemedInstance: row.redeemed_instance ?? undefined,
});
