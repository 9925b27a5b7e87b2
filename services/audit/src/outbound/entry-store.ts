import type { Database } from "@aegis/postgres/connect";
import { asService, inTenant } from "@aegis/postgres/tenant";
import type { EntryColumns } from "@aegis/tlog/leaf";
import { type RawBuilder, sql } from "kysely";
import type { Entries, EntryFilter } from "#usecases/ports.ts";
import type { AuditDatabase } from "./database.ts";
import { readDecisions, readUsage } from "./decision-rows.ts";
import { instant } from "./instant.ts";
import { readState, readTenants } from "./stored-state.ts";

interface RawRow {
  tenant: string;
  sequence: string;
  occurred_at: string | null;
  recorded_at: string | null;
  producer_sequence: string | null;
  previous_hash: string;
  leaf_hash: string;
  leaf: Buffer;
  payload: Buffer | null;
  [text: string]: unknown;
}

/** Every column as text that shows each of its bits: a time's microseconds, its era and infinity too. */
const columns = sql`tenant, sequence::text, id, kind, type, subject, agent, tool, action, decision, policy_version,
  (extract(epoch from occurred_at) * 1000000)::text as occurred_at, (extract(epoch from recorded_at) * 1000000)::text as recorded_at,
  producer, epoch, producer_sequence::text, encode(previous_hash, 'hex') as previous_hash, encode(leaf_hash, 'hex') as leaf_hash,
  leaf, payload`;

/** Reads entries, as people ask for them and as verifiers need them. */
export function entryStore(db: Database<AuditDatabase>): Entries {
  return {
    async find(tenant, filter, limit) {
      const { rows } = await inTenant(db, tenant, (trx) =>
        sql<RawRow>`select ${columns} from entries where ${conditions(tenant, filter)} order by entries.sequence desc limit ${limit}`.execute(
          trx,
        ),
      );
      return rows.map((row) => ({ columns: columnsOf(row) as unknown as EntryColumns, leaf: row.leaf, payload: row.payload }));
    },
    // Not bound to one tenant by row security: a verifier must also see rows whose tenant was tampered with.
    async rows(tenant, after, limit) {
      const { rows } = await asService(db, (trx) =>
        sql<RawRow>`select ${columns} from entries
          where tenant = ${tenant} and (${after ?? null}::bigint is null or entries.sequence > ${after ?? null}::bigint)
          order by entries.sequence limit ${limit}`.execute(trx),
      );
      return {
        rows: rows.map((row) => ({ columns: columnsOf(row), leaf: row.leaf, payload: row.payload })),
        last: rows.at(-1)?.sequence,
      };
    },
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

function conditions(tenant: string, filter: EntryFilter): RawBuilder<unknown> {
  const parts = [sql`tenant = ${tenant}`];
  if (filter.before !== undefined) parts.push(sql`entries.sequence < ${filter.before}`);
  if (filter.kind !== undefined) parts.push(sql`kind = ${filter.kind}`);
  if (filter.agent !== undefined) parts.push(sql`agent = ${filter.agent}`);
  if (filter.tool !== undefined) parts.push(sql`tool = ${filter.tool}`);
  if (filter.decision !== undefined) parts.push(sql`decision = ${filter.decision}`);
  if (filter.id !== undefined) parts.push(sql`id = ${filter.id}`);
  return sql.join(parts, sql` and `);
}

function columnsOf({ leaf: _leaf, payload: _payload, ...row }: RawRow): Readonly<Record<string, unknown>> {
  return {
    ...row,
    sequence: Number(row.sequence),
    occurred_at: instant(row.occurred_at),
    recorded_at: instant(row.recorded_at),
    producer_sequence: row.producer_sequence === null ? null : Number(row.producer_sequence),
  };
}
