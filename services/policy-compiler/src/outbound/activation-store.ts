import type { Database } from "@aegis/postgres/connect";
import { inTenant } from "@aegis/postgres/tenant";
import type { ActivationStore } from "#usecases/ports.ts";
import type { Tables } from "./tables.ts";

/** What replicas reported, the newest per tenant and replica; events that come late or twice change nothing. */
export function activationStore(db: Database<Tables>): ActivationStore {
  return {
    record: (tenant, { replica, revision, activatedAt, milliseconds }) =>
      inTenant(db, tenant, async (trx) => {
        const row = { revision, activated_at: new Date(activatedAt), milliseconds_since_issue: milliseconds };
        await trx
          .insertInto("activations")
          .values({ tenant, replica, ...row })
          .onConflict((conflict) =>
            conflict.columns(["tenant", "replica"]).doUpdateSet(row).where("activations.activated_at", "<=", row.activated_at),
          )
          .execute();
        await trx
          .updateTable("revisions")
          .set({ activated_at: row.activated_at })
          .where("tenant", "=", tenant)
          .where("revision", "=", revision)
          .where((either) => either.or([either("activated_at", "is", null), either("activated_at", ">", row.activated_at)]))
          .execute();
      }),
    of: (tenant) =>
      inTenant(db, tenant, async (trx) => {
        const rows = await trx.selectFrom("activations").selectAll().where("tenant", "=", tenant).execute();
        return rows.map((row) => ({
          replica: row.replica,
          revision: row.revision,
          activatedAt: row.activated_at.getTime(),
          milliseconds: row.milliseconds_since_issue,
        }));
      }),
  };
}
