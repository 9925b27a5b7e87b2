import type { Database } from "@aegis/postgres/connect";
import { asService } from "@aegis/postgres/tenant";
import type { LedgerRow } from "@aegis/tlog/verify-ledger";
import { sql } from "kysely";
import type { AuditDatabase } from "./database.ts";
import { columns, columnsOf, type RawRow } from "./entry-row.ts";
import { readInOrder } from "./in-order.ts";

interface RetiredRow {
  readonly tenant: string;
  readonly sequence: string;
  readonly leaf_hash: Buffer;
  readonly producer: string | null;
  readonly epoch: string | null;
  readonly producer_sequence: string | null;
}

const nothing = new Uint8Array(0);

/**
 * A tenant's rows as they stand, and what is left of retired ones, ascending by sequence. Not bound to one tenant by row security: a
 * verifier must also see rows whose tenant was tampered with.
 */
export async function readRows(
  db: Database<AuditDatabase>,
  tenant: string,
  after: string | undefined,
  limit: number,
): Promise<{ rows: LedgerRow[]; last: string | undefined }> {
  const beyond = sql`tenant = ${tenant} and (${after ?? null}::bigint is null or sequence > ${after ?? null}::bigint)`;
  // First the entries: one that is retired in between is found in both, never in none.
  const [there, left] = await asService(db, async (trx) => {
    await readInOrder(trx);
    const entries = await sql<RawRow>`select ${columns} from (select * from entries where ${beyond} order by sequence
      limit ${limit}) as entries order by entries.sequence`.execute(trx);
    const retired = await sql<RetiredRow>`select tenant, sequence::text, leaf_hash, producer, epoch, producer_sequence::text from (
      select * from retired_leaves where ${beyond} order by sequence limit ${limit}) as retired_leaves order by retired_leaves.sequence`.execute(
      trx,
    );
    return [entries.rows, retired.rows] as const;
  });
  const seen = new Set(there.map(({ sequence }) => sequence));
  const rows = [
    ...there.map((row) => ({ at: row.sequence, row: { columns: columnsOf(row), leaf: row.leaf, payload: row.payload } })),
    ...left.filter(({ sequence }) => !seen.has(sequence)).map((row) => ({ at: row.sequence, row: retiredRow(row) })),
  ];
  if (left.length > 0) rows.sort((a, b) => (BigInt(a.at) < BigInt(b.at) ? -1 : 1));
  const first = rows.slice(0, limit);
  return { rows: first.map(({ row }) => row), last: first.at(-1)?.at };
}

const retiredRow = ({ tenant, sequence, leaf_hash: retired, producer, epoch, producer_sequence: number }: RetiredRow): LedgerRow => ({
  columns: { tenant, sequence: Number(sequence), producer, epoch, producer_sequence: number === null ? null : Number(number) },
  leaf: nothing,
  retired,
});
