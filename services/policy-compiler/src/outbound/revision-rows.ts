import type { Selectable, Transaction } from "kysely";
import type { Revision } from "#domain/revision.ts";
import type { Tables } from "./tables.ts";

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
  "follows",
  "proposed",
  "approver",
  "approved_at",
  "guarded",
  "promotes",
  "activated_at",
] as const;

type Row = Pick<Selectable<Tables["revisions"]>, (typeof columns)[number]>;

/** The tenant's revisions without their bytes. */
export const selectRevisions = (trx: Transaction<Tables>, tenant: string) =>
  trx.selectFrom("revisions").select(columns).where("tenant", "=", tenant);

export async function headIn(trx: Transaction<Tables>, tenant: string): Promise<Revision | undefined> {
  const newest = trx.selectFrom("heads").select("revision").where("tenant", "=", tenant);
  const row = await selectRevisions(trx, tenant).where("revision", "=", newest).executeTakeFirst();
  return row && revisionOf(row);
}

export async function tarballIn(trx: Transaction<Tables>, tenant: string, revision: number): Promise<Uint8Array | undefined> {
  const rows = trx.selectFrom("revisions").select("tarball").where("tenant", "=", tenant).where("revision", "=", revision);
  return (await rows.executeTakeFirst())?.tarball;
}

export function revisionOf(row: Row): Revision {
  const { source_digest: sourceDigest, created_at: createdAt, published_at: publishedAt, restores } = row;
  const { follows, proposed, approver, approved_at: approvedAt, guarded, promotes, activated_at: activatedAt } = row;
  const { tenant, revision, version, digest, author, message } = row;
  return {
    ...{ tenant, revision, version, digest, sourceDigest, author, message },
    createdAt: createdAt.getTime(),
    ...(restores === null ? {} : { restores }),
    ...(promotes === null ? {} : { promotes }),
    ...(follows === null ? {} : { follows }),
    ...(proposed ? { proposed } : {}),
    ...(approver === null ? {} : { approver }),
    ...(approvedAt === null ? {} : { approvedAt: approvedAt.getTime() }),
    ...(guarded ? { guarded } : {}),
    ...(publishedAt === null ? {} : { publishedAt: publishedAt.getTime() }),
    ...(activatedAt === null ? {} : { activatedAt: activatedAt.getTime() }),
  };
}

export function rowOf(revision: Revision) {
  const { tenant, version, digest, author, message } = revision;
  return {
    ...{ tenant, version, digest, author, message },
    revision: revision.revision,
    source_digest: revision.sourceDigest,
    restores: revision.restores ?? null,
    promotes: revision.promotes === undefined ? null : [...revision.promotes],
    follows: revision.follows ?? null,
    proposed: revision.proposed === true,
    guarded: revision.guarded === true,
    created_at: new Date(revision.createdAt),
  };
}
