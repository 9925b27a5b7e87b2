import { sha256 } from "@aegis/canonical/digest";
import type { Database } from "@aegis/postgres/connect";
import { inTenant } from "@aegis/postgres/tenant";
import { sql, type Transaction } from "kysely";
import type { HandOuts, HandOutView } from "#usecases/ports.ts";
import { headIn } from "./revision-rows.ts";
import { findBundle, keptBundle, publishedTarball } from "./signed-bundles.ts";
import type { SigningKey } from "./signing-key.ts";
import type { Tables } from "./tables.ts";

/**
 * One hand-out per tenant at a time: in this process by a queue, so that waiting takes no connection, and among processes by an
 * advisory lock. An object that two writers store at once can leave a reader of it waiting for ever.
 */
export function handOuts(db: Database<Tables>, key: SigningKey): HandOuts {
  const queues = new Map<string, Promise<unknown>>();
  return {
    async exclusively(tenant, work) {
      const before = queues.get(tenant);
      const mine = (before ?? Promise.resolve()).then(() =>
        inTenant(db, tenant, async (trx) => {
          await sql`select pg_advisory_xact_lock(hashtext('policy hand-out'), hashtext(${tenant}))`.execute(trx);
          return work(viewIn(trx, tenant, key));
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
    present: (tenant) =>
      inTenant(db, tenant, async (trx) => {
        const revision = await headIn(trx, tenant);
        if (revision === undefined) return undefined;
        const kept = await findBundle(trx, revision, key);
        if (kept !== undefined) {
          const tarball = () =>
            inTenant(db, tenant, async (later) => (await findBundle(later, revision, key))?.tarball() ?? publishedTarball(later, revision));
          return { revision, bundle: { digest: kept.digest, tarball } };
        }
        const tarball = await publishedTarball(trx, revision);
        return { revision, bundle: { digest: sha256(tarball), tarball: async () => tarball } };
      }),
  };
}

function viewIn(trx: Transaction<Tables>, tenant: string, key: SigningKey): HandOutView {
  return {
    head: () => headIn(trx, tenant),
    bundle: (revision) => keptBundle(trx, revision, key),
    async markPublished(revision, at) {
      const rows = trx.updateTable("revisions").where("tenant", "=", tenant).where("revision", "=", revision);
      await rows
        .where("published_at", "is", null)
        .set({ published_at: new Date(at) })
        .execute();
    },
  };
}
