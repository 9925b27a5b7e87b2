import type { Database } from "@aegis/postgres/connect";
import { asService, inTenant } from "@aegis/postgres/tenant";
import type { Selectable, Transaction } from "kysely";
import type { Revision } from "#domain/revision.ts";
import type { RevisionStore } from "#usecases/ports.ts";
import type { EventWriter } from "./events.ts";
import type { Tables } from "./tables.ts";

/** Revisions in PostgreSQL. */
export function revisionStore(db: Database<Tables>, events: EventWriter): RevisionStore {
  return {
    head: (tenant) => inTenant(db, tenant, (trx) => headIn(trx, tenant)),
    find: (tenant, revision) =>
      inTenant(db, tenant, async (trx) => {
        const row = await select(trx, tenant).select("files").where("revision", "=", revision).executeTakeFirst();
        return row && { ...revisionOf(row), files: row.files };
      }),
    list: (tenant, { before, limit }) =>
      inTenant(db, tenant, async (trx) => {
        const all = select(trx, tenant).orderBy("revision", "desc").limit(limit);
        return (await (before === undefined ? all : all.where("revision", "<", before)).execute()).map(revisionOf);
      }),
    tarball: (tenant, revision) =>
      inTenant(db, tenant, async (trx) => {
        const rows = trx.selectFrom("revisions").select("tarball").where("tenant", "=", tenant).where("revision", "=", revision);
        return (await rows.executeTakeFirst())?.tarball;
      }),
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
    markPublished: (tenant, revision, at) =>
      inTenant(db, tenant, async (trx) => {
        const rows = trx.updateTable("revisions").where("tenant", "=", tenant).where("revision", "=", revision);
        await rows
          .where("published_at", "is", null)
          .set({ published_at: new Date(at) })
          .execute();
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

async function headIn(trx: Transaction<Tables>, tenant: string): Promise<Revision | undefined> {
  const newest = trx.selectFrom("heads").select("revision").where("tenant", "=", tenant);
  const row = await select(trx, tenant).where("revision", "=", newest).executeTakeFirst();
  return row && revisionOf(row);
}

const columns = [
  "tenant",
  "revision",
  "version",
  "digest",
  "source_digest",
  "author",
  "message",
  "restores",
  "created_at",
  "published_at",
] as const;

const select = (trx: Transaction<Tables>, tenant: string) => trx.selectFrom("revisions").select(columns).where("tenant", "=", tenant);

type Row = Pick<Selectable<Tables["revisions"]>, (typeof columns)[number]>;

function revisionOf(row: Row): Revision {
  const { source_digest: sourceDigest, created_at: createdAt, published_at: publishedAt, restores } = row;
  const { tenant, revision, version, digest, author, message } = row;
  return {
    ...{ tenant, revision, version, digest, sourceDigest, author, message },
    createdAt: createdAt.getTime(),
    ...(restores === null ? {} : { restores }),
    ...(publishedAt === null ? {} : { publishedAt: publishedAt.getTime() }),
  };
}

function rowOf(revision: Revision) {
  const { tenant, version, digest, author, message } = revision;
  return {
    ...{ tenant, version, digest, author, message },
    revision: revision.revision,
    source_digest: revision.sourceDigest,
    restores: revision.restores ?? null,
    created_at: new Date(revision.createdAt),
  };
}
