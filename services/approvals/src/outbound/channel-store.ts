import type { Database } from "@aegis/postgres/connect";
import { asService, inTenant } from "@aegis/postgres/tenant";
import { type Selectable, sql, type Transaction } from "kysely";
import type { Channel } from "#domain/channel.ts";
import type { ChannelStore } from "#usecases/channel-ports.ts";
import type { Tables } from "./tables.ts";

/** Channels in PostgreSQL. */
export function channelStore(db: Database<Tables>): ChannelStore {
  return {
    list: (tenant) => inTenant(db, tenant, (trx) => readChannels(trx, tenant)),

    find: (tenant, name) =>
      inTenant(db, tenant, async (trx) => {
        const found = trx.selectFrom("channels").selectAll().where("tenant", "=", tenant).where("name", "=", name);
        const row = await found.executeTakeFirst();
        return row && channelOf(row);
      }),

    withSockets: () =>
      asService(db, async (trx) => {
        const rows = await trx.selectFrom("channels").selectAll().where(sql<boolean>`target ->> 'appToken' is not null`).execute();
        return rows.map(channelOf);
      }),

    async put({ tenant, name, queues, afterSeconds, target }, by, now) {
      const values = {
        queues: [...queues],
        after_seconds: afterSeconds,
        target: JSON.stringify(target),
        changed_by: by,
        changed_at: new Date(now),
      };
      await inTenant(db, tenant, (trx) =>
        trx
          .insertInto("channels")
          .values({ tenant, name, ...values })
          .onConflict((same) => same.columns(["tenant", "name"]).doUpdateSet(values))
          .execute(),
      );
    },

    remove: (tenant, name) =>
      inTenant(db, tenant, async (trx) => {
        await trx.deleteFrom("members").where("channel", "=", name).execute();
        const removed = await trx.deleteFrom("channels").where("tenant", "=", tenant).where("name", "=", name).executeTakeFirst();
        return removed.numDeletedRows === 1n;
      }),
  };
}

/** A tenant's channels, by name. */
export async function readChannels(trx: Transaction<Tables>, tenant: string): Promise<Channel[]> {
  const rows = await trx.selectFrom("channels").selectAll().where("tenant", "=", tenant).orderBy("name").execute();
  return rows.map(channelOf);
}

const channelOf = (row: Selectable<Tables["channels"]>): Channel => ({
  tenant: row.tenant,
  name: row.name,
  queues: row.queues,
  afterSeconds: row.after_seconds,
  target: row.target,
});
