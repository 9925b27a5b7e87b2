import { sql, type Transaction } from "kysely";
import type { NewRow } from "#domain/chain.ts";
import type { AuditDatabase } from "./database.ts";

/**
 * Inserts a batch with one statement: text columns as one JSON array, all bytes as one binary parameter that each row takes its
 * slices from. Arrays of bytea would travel as hexadecimal text, twice the size and slow to quote.
 */
export async function insertRows(trx: Transaction<AuditDatabase>, rows: readonly NewRow[]): Promise<void> {
  const pieces: Uint8Array[] = [];
  let at = 1;
  const put = (bytes: Uint8Array): { from: number; length: number } => {
    const slice = { from: at, length: bytes.length };
    pieces.push(bytes);
    at += bytes.length;
    return slice;
  };
  const table = rows.map(({ columns, leaf, payload }) => {
    const [stored, beside] = [put(leaf), payload && put(payload)];
    return { ...columns, leaf_from: stored.from, leaf_length: stored.length, payload_from: beside?.from, payload_length: beside?.length };
  });
  await sql`
    insert into entries (tenant, sequence, id, kind, type, subject, agent, tool, action, decision, policy_version, occurred_at,
      recorded_at, producer, epoch, producer_sequence, previous_hash, leaf_hash, leaf, payload)
    select tenant, sequence, id, kind, type, subject, agent, tool, action, decision, policy_version, occurred_at, recorded_at, producer,
      epoch, producer_sequence, decode(previous_hash, 'hex'), decode(leaf_hash, 'hex'),
      substring(bytes from leaf_from for leaf_length), substring(bytes from payload_from for payload_length)
    from json_to_recordset(${JSON.stringify(table)}::json) as r(
      tenant text, sequence bigint, id text, kind text, type text, subject text, agent text, tool text, action text, decision text,
      policy_version text, occurred_at timestamptz, recorded_at timestamptz, producer text, epoch text, producer_sequence bigint,
      previous_hash text, leaf_hash text, leaf_from int, leaf_length int, payload_from int, payload_length int),
    (select ${Buffer.concat(pieces)}::bytea as bytes) as b`.execute(trx);
}
