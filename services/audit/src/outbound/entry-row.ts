import { sql } from "kysely";
import { instant } from "./instant.ts";

/** A row of `entries` as `columns` reads it. */
export interface RawRow {
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
export const columns = sql`tenant, sequence::text, id, kind, type, subject, agent, tool, action, decision, policy_version,
  session, prompt, action_digest, reasons, about, (extract(epoch from occurred_at) * 1000000)::text as occurred_at, (extract(epoch from recorded_at) * 1000000)::text as recorded_at,
  producer, epoch, producer_sequence::text, encode(previous_hash, 'hex') as previous_hash, encode(leaf_hash, 'hex') as leaf_hash,
  leaf, payload`;

/** The row's columns under their own names, with integers as numbers and times as RFC 3339. */
export function columnsOf({ leaf: _leaf, payload: _payload, ...row }: RawRow): Readonly<Record<string, unknown>> {
  return {
    ...row,
    sequence: Number(row.sequence),
    occurred_at: instant(row.occurred_at),
    recorded_at: instant(row.recorded_at),
    producer_sequence: row.producer_sequence === null ? null : Number(row.producer_sequence),
  };
}
