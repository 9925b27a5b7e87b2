import type { Database } from "@aegis/postgres/connect";
import { inTenant } from "@aegis/postgres/tenant";
import { columnsOf, type EntryColumns } from "@aegis/tlog/leaf";
import { type RawBuilder, sql } from "kysely";
import type { ExportFilter, ExportRows } from "#usecases/export-ports.ts";
import type { AuditDatabase } from "./database.ts";
import { readInOrder } from "./in-order.ts";

/** What one page may weigh, beyond its first entry. */
const pageBytes = 4 * 1024 * 1024;

interface Row {
  readonly sequence: number;
  readonly kind: string;
  readonly occurred_at: Date;
  readonly recorded_at: Date;
  readonly leaf: Buffer;
  readonly payload: Buffer | null;
}

/** Reads a tenant's entries in order, bound to the tenant by row security. */
export function exportRows(db: Database<AuditDatabase>): ExportRows {
  return {
    async beyond(tenant, after, limit, filter) {
      const { rows } = await inTenant(db, tenant, async (trx) => {
        await readInOrder(trx);
        return sql<Row>`select sequence, kind, occurred_at, recorded_at, leaf, payload from (
            select *, sum(octet_length(leaf) + coalesce(octet_length(payload), 0)) over (order by entries.sequence) as weight
            from (select * from entries where ${matching(tenant, after, filter)} order by entries.sequence limit ${limit}) as entries) as page
          where weight - octet_length(leaf) - coalesce(octet_length(payload), 0) < ${pageBytes} order by sequence`.execute(trx);
      });
      return rows.map((row) => ({ columns: columnsOf(row.leaf) ?? unreadable(tenant, row), leaf: row.leaf, payload: row.payload }));
    },
    async newest(tenant) {
      const { rows } = await inTenant(db, tenant, (trx) =>
        sql<{ newest: number | null }>`select max(sequence) as newest from entries where tenant = ${tenant}`.execute(trx),
      );
      return rows[0]?.newest ?? -1;
    },
  };
}

function matching(tenant: string, after: number, { kinds = [], from, to, agent, tool, decision }: ExportFilter): RawBuilder<unknown> {
  const parts = [sql`tenant = ${tenant}`, sql`entries.sequence > ${after}`];
  if (kinds.length > 0) parts.push(sql`kind = any(${[...kinds]}::text[])`);
  if (from !== undefined) parts.push(sql`occurred_at >= ${from}`);
  if (to !== undefined) parts.push(sql`occurred_at < ${to}`);
  if (agent !== undefined) parts.push(sql`agent = ${agent}`);
  if (tool !== undefined) parts.push(sql`tool = ${tool}`);
  if (decision !== undefined) parts.push(sql`decision = ${decision}`);
  return sql.join(parts, sql` and `);
}

/** A row that somebody changed is no reason to keep those behind it: it goes out as an alarm. */
function unreadable(tenant: string, row: Row): EntryColumns {
  return {
    tenant,
    sequence: row.sequence,
    id: `${tenant}/${row.sequence}`,
    kind: "quarantine",
    type: "dev.aegis.ledger.unreadable.v1",
    subject: "",
    agent: null,
    tool: null,
    action: null,
    decision: null,
    policy_version: null,
    session: null,
    prompt: null,
    action_digest: null,
    reasons: null,
    about: null,
    occurred_at: row.occurred_at.toISOString(),
    recorded_at: row.recorded_at.toISOString(),
    producer: null,
    epoch: null,
    producer_sequence: null,
    previous_hash: "",
    leaf_hash: "",
  };
}
