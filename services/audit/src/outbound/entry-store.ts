import type { Database } from "@aegis/postgres/connect";
import { inTenant } from "@aegis/postgres/tenant";
import type { EntryColumns } from "@aegis/tlog/leaf";
import { sql } from "kysely";
import type { Entries } from "#usecases/ports.ts";
import type { AuditDatabase } from "./database.ts";
import { readDecisions, readUsage } from "./decision-rows.ts";
import { matching } from "./entry-filter.ts";
import { columns, columnsOf, type RawRow } from "./entry-row.ts";
import { readRows } from "./ledger-rows.ts";
import { readState, readTenants } from "./stored-state.ts";

/** Reads entries, as people ask for them and as verifiers need them. */
export function entryStore(db: Database<AuditDatabase>): Entries {
  return {
    async find(tenant, filter, limit) {
      const { rows } = await inTenant(db, tenant, async (trx) => {
        const where = await matching(trx, tenant, filter);
        return sql<RawRow>`select ${columns} from entries where ${where} order by entries.sequence desc limit ${limit}`.execute(trx);
      });
      return rows.map((row) => ({ columns: columnsOf(row) as unknown as EntryColumns, leaf: row.leaf, payload: row.payload }));
    },
    rows: (tenant, after, limit) => readRows(db, tenant, after, limit),
    async leaves(tenant, from, to) {
      const { rows } = await inTenant(db, tenant, (trx) =>
        sql<{ leaf: Buffer }>`select leaf from entries where tenant = ${tenant} and sequence >= ${from} and sequence < ${to}
          order by sequence`.execute(trx),
      );
      return rows.map((row) => row.leaf);
    },
    decisions: (tenant, window, after, limit) => readDecisions(db, tenant, { window, after, limit }),
    usage: (tenant, window) => readUsage(db, tenant, window),
    tenants: () => readTenants(db),
    state: (tenant) => readState(db, tenant),
  };
}
