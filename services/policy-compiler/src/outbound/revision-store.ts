import type { Digest } from "@aegis/canonical/digest";
import { AegisError } from "@aegis/contracts/errors";
import { readBundle } from "@aegis/policy/bundle";
import type { Database } from "@aegis/postgres/connect";
import { asService, inTenant } from "@aegis/postgres/tenant";
import type { Transaction } from "kysely";
import type { Revision } from "#domain/revision.ts";
import type { RevisionStore } from "#usecases/ports.ts";
import type { EventWriter } from "./events.ts";
import { headIn, revisionOf, rowOf, selectRevisions, tarballIn } from "./revision-rows.ts";
import type { SigningKey } from "./signing-key.ts";
import type { Tables } from "./tables.ts";

/** Revisions in PostgreSQL. */
export function revisionStore(
  db: Database<Tables>,
  events: EventWriter,
  { knownKeys: keys }: Pick<SigningKey, "knownKeys">,
): RevisionStore {
  return {
    head: (tenant) => inTenant(db, tenant, (trx) => headIn(trx, tenant)),
    find: (tenant, revision) =>
      inTenant(db, tenant, async (trx) => {
        const row = await selectRevisions(trx, tenant).select("files").where("revision", "=", revision).executeTakeFirst();
        return row && { ...revisionOf(row), files: row.files };
      }),
    policies: (tenant, revision) =>
      inTenant(db, tenant, async (trx) => {
        const tarball = await tarballIn(trx, tenant, revision);
        return tarball && (await readBundle(tarball, { keys, tenant })).policies;
      }),
    list: (tenant, { before, limit }) =>
      inTenant(db, tenant, async (trx) => {
        const all = selectRevisions(trx, tenant).orderBy("revision", "desc").limit(limit);
        return (await (before === undefined ? all : all.where("revision", "<", before)).execute()).map(revisionOf);
      }),
    append: (tenant, draft) =>
      inTenant(db, tenant, async (trx) => {
        await lockHead(trx, tenant);
        const head = await headIn(trx, tenant);
        const made = await draft({
          head,
          next: await nextNumber(trx, tenant),
          proposal: (sourceDigest, author) => openProposal(trx, tenant, { sourceDigest, author, follows: head?.revision ?? 0 }),
        });
        if (made === undefined) return undefined;
        const { files, tarball, ...revision } = made;
        await trx
          .insertInto("revisions")
          .values({ ...rowOf(revision), files: JSON.stringify(files), tarball })
          .execute();
        if (revision.proposed === true) await events.proposed(trx, revision);
        else {
          await moveHead(trx, revision);
          await events.revised(trx, revision);
        }
        return revision;
      }),
    approve: (tenant, number, judge) =>
      inTenant(db, tenant, async (trx) => {
        await lockHead(trx, tenant);
        const head = (await headIn(trx, tenant))?.revision ?? 0;
        const row = await selectRevisions(trx, tenant).where("revision", "=", number).executeTakeFirst();
        const approval = judge(row && revisionOf(row), head);
        if (approval === undefined) return undefined;
        const changed = await trx
          .updateTable("revisions")
          .set({ approver: approval.approver, approved_at: new Date(approval.at) })
          .where("tenant", "=", tenant)
          .where("revision", "=", number)
          .where("proposed", "=", true)
          .where("approver", "is", null)
          .where("follows", "=", head)
          .returningAll()
          .executeTakeFirst();
        if (changed === undefined) throw new AegisError("conflict", `revision ${number} was changed by somebody else: look at it again`);
        const revision = revisionOf(changed);
        await moveHead(trx, revision);
        await events.approved(trx, revision);
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

/** Numbers have no gap: proposals take theirs from the same row as everything else, and nobody else takes one meanwhile. */
async function nextNumber(trx: Transaction<Tables>, tenant: string): Promise<number> {
  const newest = trx
    .selectFrom("revisions")
    .where("tenant", "=", tenant)
    .select(({ fn }) => fn.max("revision").as("revision"));
  return ((await newest.executeTakeFirst())?.revision ?? 0) + 1;
}

/** The same person's proposal of the same files on the same head, that nobody has approved yet. */
async function openProposal(
  trx: Transaction<Tables>,
  tenant: string,
  like: { sourceDigest: Digest; author: string; follows: number },
): Promise<Revision | undefined> {
  const row = await selectRevisions(trx, tenant)
    .where("proposed", "=", true)
    .where("approver", "is", null)
    .where("follows", "=", like.follows)
    .where("source_digest", "=", like.sourceDigest)
    .where("author", "=", like.author)
    .orderBy("revision", "desc")
    .limit(1)
    .executeTakeFirst();
  return row && revisionOf(row);
}

async function moveHead(trx: Transaction<Tables>, { tenant, revision }: Revision): Promise<void> {
  await trx.updateTable("heads").set({ revision }).where("tenant", "=", tenant).execute();
}
