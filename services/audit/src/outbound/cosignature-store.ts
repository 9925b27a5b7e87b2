import type { Database } from "@aegis/postgres/connect";
import { asService } from "@aegis/postgres/tenant";
import { sql } from "kysely";
import type { Cosignatures } from "#usecases/ports.ts";
import type { AuditDatabase } from "./database.ts";

/** Witnesses' signatures in PostgreSQL. */
export function cosignatureStore(db: Database<AuditDatabase>): Cosignatures {
  return {
    async last(tenant, witness) {
      const { rows } = await asService(db, (trx) =>
        sql<{ size: number | null }>`select max(size) as size from cosignatures where tenant = ${tenant} and witness = ${witness}`.execute(
          trx,
        ),
      );
      return rows[0]?.size ?? 0;
    },
    async add(cosignature) {
      await asService(db, (trx) =>
        trx
          .insertInto("cosignatures")
          .values(cosignature)
          .onConflict((conflict) => conflict.doNothing())
          .execute(),
      );
    },
    all: (tenant) =>
      asService(db, async (trx) => {
        // As text: a size that was tampered with need not be a safe integer.
        const { rows } = await sql<{ size: string; witness: string; line: string }>`
          select size::text, witness, line from cosignatures where tenant = ${tenant} order by cosignatures.size, witness`.execute(trx);
        return rows.map(({ size, ...rest }) => ({ tenant, size: Number(size), ...rest }));
      }),
  };
}
