import type { Database } from "@aegis/postgres/connect";
import { asService, inTenant } from "@aegis/postgres/tenant";
import type { EntryColumns } from "@aegis/tlog/leaf";
import { sql } from "kysely";
import type { Entries } from "#usecases/ports.ts";
import type { AuditDatabase } from "./database.ts";
import { readDecisions, readUsage } from "./decision-rows.ts";
import { matching } from "./entry-filter.ts";
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
  session, prompt, action_digest, reasons, about, (extract(epoch from occurred_at) * 1000000)::text as occurred_at, (extract(epoch from recorded_at) * 1000000)::text as recorded_at,
  producer, epoch, producer_sequence::text, encode(previous_hash, 'hex') as previous_hash, encode(leaf_hash, 'hex') as leaf_hash,
  leaf, payload`;

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

function columnsOf({ leaf: _leaf, payload: _payload, ...row }: RawRow): Readonly<Record<string, unknown>> {
  return {
    ...row,
    sequence: Number(row.sequence),
    occurred_at: instant(row.occurred_at),
    recorded_at: instant(row.recorded_at),
    producer_sequence: row.producer_sequence === null ? null : Number(row.producer_sequence),
  };
}
