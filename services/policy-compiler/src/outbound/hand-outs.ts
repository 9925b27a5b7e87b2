import type { Database } from "@aegis/postgres/connect";
import { inTenant } from "@aegis/postgres/tenant";
import { sql } from "kysely";
import type { HandOuts } from "#usecases/ports.ts";
import { headIn, tarballIn } from "./revision-rows.ts";
import type { Tables } from "./tables.ts";

/**
 * One hand-out per tenant at a time: in this process by a queue, so that waiting takes no connection, and among processes by an
 * advisory lock. An object that two writers store at once can leave a reader of it waiting for ever.
 */
export function handOuts(db: Database<Tables>): HandOuts {
  const queues = new Map<string, Promise<unknown>>();
  return {
    async exclusively(tenant, work) {
      const before = queues.get(tenant);
      const mine = (before ?? Promise.resolve()).then(() =>
        inTenant(db, tenant, async (trx) => {
          await sql`select pg_advisory_xact_lock(hashtext('policy hand-out'), hashtext(${tenant}))`.execute(trx);
          return work({
            head: () => headIn(trx, tenant),
            tarball: (revision) => tarballIn(trx, tenant, revision),
            async markPublished(revision, at) {
              const rows = trx.updateTable("revisions").where("tenant", "=", tenant).where("revision", "=", revision);
              await rows
                .where("published_at", "is", null)
                .set({ published_at: new Date(at) })
                .execute();
            },
          });
        }),
      );
      const settled = mine.then(
        () => undefined,
        () => undefined,
      );
      queues.set(tenant, settled);
      try {
        return await mine;
      } finally {
        if (queues.get(tenant) === settled) queues.delete(tenant);
      }
    },
  };
}
