import { connectDatabase, type Database } from "@aegis/postgres/connect";
import { asService, inTenant } from "@aegis/postgres/tenant";
import { sql } from "kysely";
import type { Months } from "#usecases/retention-ports.ts";
import type { AuditDatabase } from "./database.ts";

/**
 * The months that entries lie in. The database itself decides what may leave: the service's role can call for it, and has no right to
 * touch a partition.
 */
export function monthStore(db: Database<AuditDatabase>): Months {
  return {
    async ensure(months) {
      for (const month of months)
        await asService(db, (trx) => sql`select add_month(${month.toISOString().slice(0, 10)}::date)`.execute(trx));
    },
    async past() {
      const { rows } = await asService(db, (trx) =>
        sql<{ name: string }>`select name from months, retention where until <= now() - make_interval(days => days) order by until`.execute(
          trx,
        ),
      );
      return rows.map(({ name }) => name);
    },
    async retire(name) {
      return asService(db, async (trx) => {
        // A month's leaf hashes are copied in one transaction.
        await sql`set local statement_timeout = '30min'`.execute(trx);
        const { rows } = await sql<{ entries: number }>`select retire_month(${name}) as entries`.execute(trx);
        return rows[0]?.entries ?? 0;
      });
    },
    async state(tenant) {
      return inTenant(db, tenant, async (trx) => {
        const { rows } = await sql<{ days: number; entries: number; last: number | null; oldest: Date | null }>`
          select (select days from retention) as days, count(*) as entries, max(sequence) as last,
            (select recorded_at from entries where tenant = ${tenant} order by entries.sequence limit 1) as oldest
          from retired_leaves where tenant = ${tenant}`.execute(trx);
        const months = await sql<{ name: string; until: Date | null; bytes: number }>`
          select name, until, bytes from months order by until nulls last`.execute(trx);
        const { days = 0, entries = 0, last = null, oldest = null } = rows[0] ?? {};
        return {
          days,
          retired: { entries, last: last ?? undefined },
          oldest: oldest ?? undefined,
          months: months.rows.map((month) => ({ ...month, until: month.until ?? undefined })),
        };
      });
    },
  };
}

/** Writes down how long entries stay, by the login that may migrate: the service's own may not change it. */
export async function setRetention(migrationUrl: string, days: number): Promise<void> {
  await using owner = connectDatabase<AuditDatabase>({ url: migrationUrl, name: "retention", schema: "audit", maxConnections: 1 });
  await owner.transaction().execute(async (trx) => {
    await sql`set local role audit_owner`.execute(trx);
    await sql`update retention set days = ${days} where days <> ${days}`.execute(trx);
  });
}
