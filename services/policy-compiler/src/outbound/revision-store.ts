import type { Database } from "@aegis/postgres/connect";
import { asService, inTenant } from "@aegis/postgres/tenant";
import type { Transaction } from "kysely";
import type { RevisionStore } from "#usecases/ports.ts";
import type { EventWriter } from "./events.ts";
import { headIn, revisionOf, rowOf, selectRevisions, tarballIn } from "./revision-rows.ts";
import type { Tables } from "./tables.ts";

/** Revisions in PostgreSQL. */
export function revisionStore(db: Database<Tables>, events: EventWriter): RevisionStore {
  return {
    head: (tenant) => inTenant(db, tenant, (trx) => headIn(trx, tenant)),
    find: (tenant, revision) =>
      inTenant(db, tenant, async (trx) => {
        const row = await selectRevisions(trx, tenant).select("files").where("revision", "=", revision).executeTakeFirst();
        return row && { ...revisionOf(row), files: row.files };
      }),
    list: (tenant, { before, limit }) =>
      inTenant(db, tenant, async (trx) => {
        const all = selectRevisions(trx, tenant).orderBy("revision", "desc").limit(limit);
        return (await (before === undefined ? all : all.where("revision", "<", before)).execute()).map(revisionOf);
      }),
    tarball: (tenant, revision) => inTenant(db, tenant, (trx) => tarballIn(trx, tenant, revision)),
    append: (tenant, draft) =>
      inTenant(db, tenant, async (trx) => {
        await lockHead(trx, tenant);
        const made = await draft(await headIn(trx, tenant));
        if (made === undefined) return undefined;
        const { files, tarball, ...revision } = made;
        await trx
          .insertInto("revisions")
          .values({ ...rowOf(revision), files: JSON.stringify(files), tarball })
          .execute();
        await trx.updateTable("heads").set({ revision: made.revision }).where("tenant", "=", tenant).execute();
        await events.revised(trx, revision);
        return revision;
      }),
    heads: () =>
      asService(db, async (trx) => {
        const rows = await trx
          .selectFrom("heads")
          .innerJoin("revisions", (join) =>
            join.onRef("revisions.tenant", "=", "heads.tenant").onRef("revisions.revision", "=", "heads.revision"),
          )
          .select(["heads.tenant", "heads.revision", "version", "digest", "published_at"])
          .orderBy("heads.tenant")
          .execute();
        return rows.map(({ published_at: at, ...row }) => ({ ...row, ...(at === null ? {} : { publishedAt: at.getTime() }) }));
      }),
  };
}

/** The row exists after this, and nobody else appends to the tenant before this transaction ends. */
async function lockHead(trx: Transaction<Tables>, tenant: string): Promise<void> {
  await trx
    .insertInto("heads")
    .values({ tenant, revision: 0 })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  await trx.selectFrom("heads").select("revision").where("tenant", "=", tenant).forUpdate().executeTakeFirstOrThrow();
}
