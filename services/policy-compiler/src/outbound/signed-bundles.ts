import { sha256 } from "@aegis/canonical/digest";
import { AegisError } from "@aegis/contracts/errors";
import { readBundle, resignBundle } from "@aegis/policy/bundle";
import { sql, type Transaction } from "kysely";
import type { Revision } from "#domain/revision.ts";
import type { StoredBundle } from "#usecases/ports.ts";
import { tarballIn } from "./revision-rows.ts";
import type { SigningKey } from "./signing-key.ts";
import type { Tables } from "./tables.ts";

type Trx = Transaction<Tables>;
type Named = Pick<Revision, "tenant" | "revision">;

/**
 * A revision's bundle under the present key: as it was kept before, as it was published, or, when an earlier key signed that, signed
 * again. What no known key signed is never signed: whoever can write rows shall not get a signature by it.
 */
export async function keptBundle(trx: Trx, revision: Named, key: SigningKey): Promise<StoredBundle> {
  const { tenant } = revision;
  const keyId = key.signer.key.kid;
  // One question, because the newest policies wait for it; the bytes only when they are needed.
  const row = await trx
    .selectFrom("revisions")
    .leftJoin("bundles", (join) =>
      join.onRef("bundles.tenant", "=", "revisions.tenant").onRef("bundles.revision", "=", "revisions.revision").on("key_id", "=", keyId),
    )
    .select(["bundles.digest", sql<Buffer | null>`case when bundles.digest is null then revisions.tarball end`.as("tarball")])
    .where("revisions.tenant", "=", tenant)
    .where("revisions.revision", "=", revision.revision)
    .executeTakeFirst();
  if (row?.digest) return { digest: row.digest, tarball: () => keptTarball(trx, revision) };
  const original = row?.tarball ?? (await publishedTarball(trx, revision));
  const ours = await isSignedBy(original, tenant, key);
  const tarball = ours ? original : await resignBundle(original, { keys: key.knownKeys, tenant, sign: key.signer });
  const digest = sha256(tarball);
  const kept = { revision: revision.revision, key_id: keyId, digest, tarball: ours ? null : Buffer.from(tarball) };
  await trx
    .insertInto("bundles")
    .values({ tenant, ...kept })
    .onConflict((conflict) => conflict.column("tenant").doUpdateSet(kept))
    .execute();
  return { digest, tarball: async () => tarball };
}

/** The same without keeping anything: undefined when it was not kept yet. */
export async function findBundle(trx: Trx, revision: Named, key: SigningKey): Promise<StoredBundle | undefined> {
  const row = await trx
    .selectFrom("bundles")
    .select(["digest"])
    .where("tenant", "=", revision.tenant)
    .where("revision", "=", revision.revision)
    .where("key_id", "=", key.signer.key.kid)
    .executeTakeFirst();
  return row && { digest: row.digest, tarball: () => keptTarball(trx, revision) };
}

async function keptTarball(trx: Trx, revision: Named): Promise<Uint8Array> {
  const rows = trx.selectFrom("bundles").select("tarball").where("tenant", "=", revision.tenant);
  return (await rows.executeTakeFirst())?.tarball ?? publishedTarball(trx, revision);
}

export async function publishedTarball(trx: Trx, { tenant, revision }: Named): Promise<Uint8Array> {
  const tarball = await tarballIn(trx, tenant, revision);
  if (tarball === undefined) throw new AegisError("internal", `revision ${revision} of ${tenant} has no bundle`);
  return tarball;
}

async function isSignedBy(tarball: Uint8Array, tenant: string, { publicKeys: keys }: SigningKey): Promise<boolean> {
  try {
    await readBundle(tarball, { keys, tenant });
    return true;
  } catch {
    return false;
  }
}
