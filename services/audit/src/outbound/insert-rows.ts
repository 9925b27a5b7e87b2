import { sql, type Transaction } from "kysely";
import type { NewRow } from "#domain/chain.ts";
import type { AuditDatabase } from "./database.ts";

/**
 * Inserts a batch with one statement: text columns as one JSON array, all bytes as one binary parameter that each row takes its
 * slices from. Arrays of bytea would travel as hexadecimal text, twice the size and slow to quote. What is null is left out.
 */
export async function insertRows(trx: Transaction<AuditDatabase>, rows: readonly NewRow[]): Promise<void> {
  const pieces: Uint8Array[] = [];
  let at = 1;
  const put = (bytes: Uint8Array): number => {
    const from = at;
    pieces.push(bytes);
    at += bytes.length;
    return from;
  };
  const table = rows.map(({ columns: { previous_hash, leaf_hash, ...texts }, leaf, payload }) => {
    const row: Record<string, unknown> = {};
    for (const [name, value] of Object.entries(texts)) if (value !== null) row[name] = value;
    row.f = put(leaf);
    row.l = leaf.length;
    row.h = put(Buffer.from(previous_hash, "hex"));
    put(Buffer.from(leaf_hash, "hex"));
    if (payload !== undefined) Object.assign(row, { pf: put(payload), pl: payload.length });
    return row;
  });
  await sql`
    insert into entries (tenant, sequence, id, kind, type, subject, agent, tool, action, decision, policy_version, session,
      prompt, action_digest, reasons, about, occurred_at, recorded_at, producer, epoch, producer_sequence, previous_hash, leaf_hash, leaf,
      payload)
    select tenant, sequence, id, kind, type, subject, agent, tool, action, decision, policy_version, session, prompt,
      action_digest, reasons, about, occurred_at, recorded_at, producer, epoch, producer_sequence,
      substring(bytes from h for 32), substring(bytes from h + 32 for 32), substring(bytes from f for l), substring(bytes from pf for pl)
    from json_to_recordset(${JSON.stringify(table)}::json) as r(
      tenant text, sequence bigint, id text, kind text, type text, subject text, agent text, tool text, action text, decision text,
      policy_version text, session text, prompt text, action_digest text, reasons text, about text, occurred_at timestamptz,
      recorded_at timestamptz, producer text, epoch text, producer_sequence bigint, f int, l int, h int, pf int, pl int),
    (select ${Buffer.concat(pieces)}::bytea as bytes) as b`.execute(trx);
}
