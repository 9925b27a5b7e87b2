import type { Database } from "@aegis/postgres/connect";
import { asService, inTenant } from "@aegis/postgres/tenant";
import { sql } from "kysely";
import { v5 } from "uuid";
import type { Alert } from "#domain/alert.ts";
import type { AlertSending, AlertStore } from "#usecases/channel-ports.ts";
import type { Tables } from "./tables.ts";

/** A namespace of our own (RFC 9562 §5.5). */
const namespace = "8c0b6a3e-54a4-4b8e-9f0d-2c1d7e5a9b40";

/** What is due of one channel is taken so many at a time. */
const perChannel = 4;

/** Alerts in PostgreSQL, and what became of them. */
export function alertStore(db: Database<Tables>): AlertStore {
  const settle = ({ tenant, id }: AlertSending, values: Settled) =>
    inTenant(db, tenant, async (trx) => {
      await trx.updateTable("alerts").set(values).where("id", "=", id).where("state", "=", "due").execute();
    });
  return {
    plan: (tenant, eventId, alert, recipients, now) =>
      inTenant(db, tenant, async (trx) => {
        const rows = recipients.map(({ channel, recipient }) => ({
          ...{ id: v5(JSON.stringify([tenant, eventId, channel, recipient]), namespace), tenant, channel, recipient },
          ...{ alert: JSON.stringify(alert), next_at: new Date(now), created_at: new Date(now) },
        }));
        if (rows.length === 0) return;
        const insert = trx.insertInto("alerts").values(rows);
        await insert.onConflict((same) => same.doNothing()).execute();
      }),

    due: (now, limit) =>
      asService(db, async (trx) => {
        const { rows } = await sql<{ tenant: string; id: string }>`
          select tenant, id from (
            select tenant, id, next_at, row_number() over (partition by tenant, channel order by next_at) as place
            from alerts where state = 'due' and next_at <= ${new Date(now)}
          ) ranked where place <= ${perChannel} order by next_at limit ${limit}`.execute(trx);
        return rows;
      }),

    claim: (tenant, id, now, until) =>
      inTenant(db, tenant, async (trx) => {
        const { rows } = await sql<Row>`
          update alerts set next_at = ${new Date(until)}, attempts = attempts + 1
          where id = ${id} and state = 'due' and next_at <= ${new Date(now)}
          returning id, tenant, channel, recipient, alert, attempts, created_at`.execute(trx);
        const [row] = rows;
        return row && { ...row, createdAt: row.created_at.getTime() };
      }),

    sent: (sending, now) => settle(sending, { state: "sent", settled_at: new Date(now), last_error: null }),
    failed: (sending, nextAt, why) => settle(sending, { next_at: new Date(nextAt), last_error: why }),
    dropped: (sending, now, why) => settle(sending, { state: "dropped", settled_at: new Date(now), last_error: why }),
  };
}

interface Settled {
  state?: "sent" | "dropped";
  next_at?: Date;
  settled_at?: Date;
  last_error: string | null;
}

interface Row {
  id: string;
  tenant: string;
  channel: string;
  recipient: string;
  alert: Alert;
  attempts: number;
  created_at: Date;
}
