import { type RawBuilder, sql, type Transaction } from "kysely";
import type { EntryFilter } from "#usecases/ports.ts";
import type { AuditDatabase } from "./database.ts";

/**
 * The condition for what a filter asks for. A window of time is narrowed to the range of sequences it holds first, so that a page is
 * read from the primary key wherever in a long ledger the window lies.
 */
export async function matching(
  trx: Transaction<AuditDatabase>,
  tenant: string,
  { before, id, reason, about, from, to, policyVersion, digest, ...equal }: EntryFilter,
): Promise<RawBuilder<unknown>> {
  const parts = [sql`tenant = ${tenant}`];
  if (before !== undefined) parts.push(sql`entries.sequence < ${before}`);
  if (id !== undefined) parts.push(sql`entries.sequence = (select sequence from entry_keys where tenant = ${tenant} and id = ${id})`);
  const columns = { ...equal, policy_version: policyVersion, action_digest: digest };
  for (const [column, value] of Object.entries(columns)) if (value !== undefined) parts.push(sql`${sql.ref(column)} = ${value}`);
  if (about !== undefined) parts.push(sql`about = any(${about}::text[])`);
  if (reason !== undefined) parts.push(sql`reasons is not null and strpos(reasons, ${` ${reason} `}) > 0`);
  if (from !== undefined || to !== undefined) parts.push(await within(trx, tenant, from, to));
  return sql.join(parts, sql` and `);
}

async function within(
  trx: Transaction<AuditDatabase>,
  tenant: string,
  from: Date | undefined,
  to: Date | undefined,
): Promise<RawBuilder<unknown>> {
  const window = sql`occurred_at >= ${from ?? "-infinity"} and occurred_at < ${to ?? "infinity"}`;
  const { rows } = await sql<{ first: number | null; last: number | null }>`
    select min(sequence + 0) as first, max(sequence + 0) as last from entries where tenant = ${tenant} and ${window}`.execute(trx);
  const { first, last } = rows[0] ?? { first: null, last: null };
  return sql`${window} and entries.sequence between ${first ?? 0} and ${last ?? -1}`;
}
