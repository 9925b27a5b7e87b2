import type { Database } from "@aegis/postgres/connect";
import { asService } from "@aegis/postgres/tenant";
import { digestOf } from "@aegis/tlog/statement";
import { sql } from "kysely";
import type { Statements } from "#usecases/ports.ts";
import type { AuditDatabase } from "./database.ts";

/** Producers' statements, each once. */
export function statementStore(db: Database<AuditDatabase>): Statements {
  return {
    async keep(statements) {
      const values = statements.map(({ message, producer, epoch, first, last }) => ({
        ...{ producer, epoch, first, last, message },
        digest: digestOf(Buffer.from(message)),
      }));
      if (values.length === 0) return;
      await asService(db, (trx) =>
        trx
          .insertInto("statements")
          .values(values)
          .onConflict((conflict) => conflict.doNothing())
          .execute(),
      );
    },
    async page(after, limit) {
      const { rows } = await asService(db, (trx) =>
        sql<{ number: number; message: string; recorded_at: Date }>`
          select number, message, recorded_at from statements where number > ${after}::bigint order by number limit ${limit}`.execute(trx),
      );
      return rows.map(({ number, message, recorded_at }) => ({ number, message, recordedAt: recorded_at.toISOString() }));
    },
  };
}
