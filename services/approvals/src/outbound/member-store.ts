import type { Database } from "@aegis/postgres/connect";
import { inTenant } from "@aegis/postgres/tenant";
import type { MemberStore } from "#usecases/channel-ports.ts";
import type { Tables } from "./tables.ts";

/** Who is who on a platform, in PostgreSQL. */
export function memberStore(db: Database<Tables>): MemberStore {
  return {
    list: (tenant, channel) =>
      inTenant(db, tenant, (trx) =>
        trx.selectFrom("members").select(["member", "person"]).where("channel", "=", channel).orderBy("member").execute(),
      ),

    person: (tenant, channel, member) =>
      inTenant(db, tenant, async (trx) => {
        const found = trx.selectFrom("members").select("person").where("channel", "=", channel).where("member", "=", member);
        return (await found.executeTakeFirst())?.person;
      }),

    async put(tenant, channel, member, person, by, now) {
      const values = { person, registered_by: by, registered_at: new Date(now) };
      await inTenant(db, tenant, (trx) =>
        trx
          .insertInto("members")
          .values({ tenant, channel, member, ...values })
          .onConflict((same) => same.columns(["tenant", "channel", "member"]).doUpdateSet(values))
          .execute(),
      );
    },

    remove: (tenant, channel, member) =>
      inTenant(db, tenant, async (trx) => {
        const removed = await trx.deleteFrom("members").where("channel", "=", channel).where("member", "=", member).executeTakeFirst();
        return removed.numDeletedRows === 1n;
      }),
  };
}
