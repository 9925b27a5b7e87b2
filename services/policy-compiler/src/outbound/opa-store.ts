import type { Database } from "@aegis/postgres/connect";
import { inTenant } from "@aegis/postgres/tenant";
import { sql } from "kysely";
import type { OpaStore } from "#usecases/ports.ts";
import type { Tables } from "./tables.ts";

/** Rows of one INSERT: PostgreSQL takes 65,535 parameters. */
const rowsAtOnce = 1_000;

/** What OPAs report, in PostgreSQL. Decisions are kept for a week, an OPA that fell silent for a day. */
export function opaStore(db: Database<Tables>): OpaStore {
  return {
    report: (tenant, { instance, reportedBy, version, revision = null, error = null, reportedAt }) =>
      inTenant(db, tenant, async (trx) => {
        const row = { reported_by: reportedBy, version, revision, error, reported_at: new Date(reportedAt) };
        await trx
          .deleteFrom("opa_instances")
          .where("tenant", "=", tenant)
          .where("reported_at", "<", sql<Date>`now() - interval '1 day'`)
          .execute();
        await trx
          .insertInto("opa_instances")
          .values({ tenant, instance, ...row })
          .onConflict((conflict) => conflict.columns(["tenant", "instance"]).doUpdateSet(row))
          .execute();
      }),
    append: (tenant, decisions) =>
      inTenant(db, tenant, async (trx) => {
        await trx
          .deleteFrom("opa_decisions")
          .where("tenant", "=", tenant)
          .where("received_at", "<", sql<Date>`now() - interval '7 days'`)
          .execute();
        let accepted = 0;
        for (let from = 0; from < decisions.length; from += rowsAtOnce) {
          const rows = decisions.slice(from, from + rowsAtOnce).map((decision) => ({
            tenant,
            decision_id: decision.decisionId,
            instance: decision.instance,
            path: decision.path,
            agent: decision.agent ?? null,
            tool: decision.tool ?? null,
            action: decision.action ?? null,
            decision: decision.decision ?? null,
            reasons: [...decision.reasons],
            revision: decision.revision ?? null,
            decided_at: new Date(decision.decidedAt),
          }));
          const result = await trx
            .insertInto("opa_decisions")
            .values(rows)
            .onConflict((conflict) => conflict.doNothing())
            .executeTakeFirst();
          accepted += Number(result.numInsertedOrUpdatedRows ?? 0);
        }
        return accepted;
      }),
    instances: (tenant) =>
      inTenant(db, tenant, async (trx) => {
        const rows = await trx.selectFrom("opa_instances").selectAll().where("tenant", "=", tenant).orderBy("instance").execute();
        return rows.map((row) => ({
          instance: row.instance,
          reportedBy: row.reported_by,
          version: row.version,
          revision: row.revision ?? undefined,
          error: row.error ?? undefined,
          reportedAt: row.reported_at.getTime(),
        }));
      }),
    decisions: (tenant) =>
      inTenant(db, tenant, async (trx) => {
        const rows = await trx
          .selectFrom("opa_decisions")
          .select(["decision", (row) => row.fn.countAll<string>().as("count")])
          .where("tenant", "=", tenant)
          .groupBy("decision")
          .execute();
        return Object.fromEntries(rows.map(({ decision, count }) => [decision ?? "other", Number(count)]));
      }),
  };
}
