import { type Kysely, sql, type Transaction } from "kysely";
import { assertIdentifier } from "./connect.ts";

/** The table an inbox needs, for a migration of the schema's owner. `role` is the runtime role. */
export const inboxDdl = (role: string): string => `CREATE TABLE inbox (
  consumer text NOT NULL,
  event_id text NOT NULL,
  received_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (consumer, event_id)
);
CREATE INDEX inbox_received_at ON inbox (received_at);
GRANT SELECT, INSERT, DELETE ON inbox TO ${assertIdentifier(role)};
`;

/**
 * True exactly once per (consumer, event), whatever is delivered how often and in whatever order. In the same transaction as the
 * event's effect: both stay or neither does. A second delivery that runs at the same time waits for the first to commit.
 */
export async function firstTime<DB>(trx: Transaction<DB>, schema: string, consumer: string, eventId: string): Promise<boolean> {
  const table = sql.table(`${assertIdentifier(schema)}.inbox`);
  const result = await sql`
    insert into ${table} (consumer, event_id) values (${consumer}, ${eventId}) on conflict do nothing returning event_id`.execute(trx);
  return result.rows.length === 1;
}

/** Forgets what can no longer be delivered: streams keep seven days. Resolves to how many rows went. */
export async function pruneInbox<DB>(db: Kysely<DB>, schema: string, olderThanDays = 8): Promise<number> {
  const table = sql.table(`${assertIdentifier(schema)}.inbox`);
  const result = await sql`delete from ${table} where received_at < now() - make_interval(days => ${olderThanDays})`.execute(db);
  return Number(result.numAffectedRows ?? 0n);
}
