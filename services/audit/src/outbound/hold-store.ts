import type { Database } from "@aegis/postgres/connect";
import { asService, inTenant } from "@aegis/postgres/tenant";
import { sql } from "kysely";
import type { Hold, Holds, OwnEvents } from "#usecases/retention-ports.ts";
import type { AuditDatabase } from "./database.ts";
import { appendOwn } from "./own-entries.ts";

interface Row {
  id: string;
  tenant: string;
  agent: string | null;
  prompt: string | null;
  from_at: Date | null;
  to_at: Date | null;
  reason: string;
  placed_by: string;
  placed_at: Date;
  released_by: string | null;
  released_at: Date | null;
  release_reason: string | null;
}

/** Legal holds in PostgreSQL. `instance` names this process in the ledger's own entries. */
export function holdStore(db: Database<AuditDatabase>, instance: string): Holds {
  return {
    async list(tenant) {
      const { rows } = await inTenant(db, tenant, (trx) =>
        sql<Row>`select * from holds where tenant = ${tenant} order by placed_at, id`.execute(trx),
      );
      return rows.map(holdOf);
    },
    async place({ id, tenant, agent, prompt, from, to, reason, placedBy, placedAt }) {
      await asService(db, async (trx) => {
        await sql`insert into holds (id, tenant, agent, prompt, from_at, to_at, reason, placed_by, placed_at)
          values (${id}, ${tenant}, ${agent ?? null}, ${prompt ?? null}, ${from ?? null}, ${to ?? null}, ${reason}, ${placedBy}, ${placedAt})`.execute(
          trx,
        );
        const data = { hold: id, by: placedBy, reason, agent, prompt, from, to };
        await appendOwn(trx, instance, { tenant, verb: "held", data }, placedAt);
      });
    },
    release(tenant, id, { by, at, reason }) {
      return asService(db, async (trx) => {
        const { numAffectedRows } = await sql`update holds set released_by = ${by}, released_at = ${at}, release_reason = ${reason}
          where tenant = ${tenant} and id = ${id} and released_at is null`.execute(trx);
        if (numAffectedRows !== 1n) return false;
        await appendOwn(trx, instance, { tenant, verb: "released", data: { hold: id, by, reason } }, at);
        return true;
      });
    },
  };
}

function holdOf({ from_at: from, to_at: to, placed_by: placedBy, placed_at: placedAt, ...row }: Row): Hold {
  const { id, tenant, agent, prompt, reason, released_by: by, released_at: at, release_reason: why } = row;
  return {
    ...{ id, tenant, reason, placedBy, placedAt },
    ...{ agent: agent ?? undefined, prompt: prompt ?? undefined, from: from ?? undefined, to: to ?? undefined },
    released: by !== null && at !== null ? { by, at, reason: why ?? "" } : undefined,
  };
}

/** What the database has to tell the ledger, until it is in it. */
export function ownEventStore(db: Database<AuditDatabase>): OwnEvents {
  return {
    async due(limit) {
      const { rows } = await asService(db, (trx) =>
        sql<{ id: string; tenant: string; subject: string; event: Buffer }>`
          select id, tenant, subject, event from own_events order by created_at, id limit ${limit}`.execute(trx),
      );
      return rows.map(({ event, ...row }) => ({ ...row, bytes: event }));
    },
    async done(ids) {
      await asService(db, (trx) => sql`delete from own_events where id = any(${ids}::uuid[])`.execute(trx));
    },
  };
}
