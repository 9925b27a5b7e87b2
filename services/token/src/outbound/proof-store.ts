import { proofMemorySeconds } from "@aegis/identity/dpop";
import type { Database } from "@aegis/postgres/connect";
import { asService } from "@aegis/postgres/tenant";
import { sql } from "kysely";
import type { ProofStore } from "#usecases/grant-ports.ts";
import type { Tables } from "./tables.ts";

/** Used DPoP proofs in Postgres: of any number of uses at any number of instances, one inserts the row. */
export function proofStore(db: Database<Tables>): ProofStore {
  return {
    spend: (id, now) =>
      asService(db, async (trx) => {
        const expires = new Date(now.getTime() + proofMemorySeconds * 1000);
        const insert = trx
          .insertInto("proofs")
          .values({ id, expires_at: expires })
          .onConflict((same) => same.column("id").doNothing());
        return (await insert.returning("id").executeTakeFirst()) !== undefined;
      }),
    purge: () =>
      asService(
        db,
        async (trx) => void (await trx.deleteFrom("proofs").where("expires_at", "<", sql<Date>`now() - interval '10 minutes'`).execute()),
      ),
  };
}
