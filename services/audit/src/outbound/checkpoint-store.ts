import { subject } from "@aegis/contracts/subjects";
import type { Database } from "@aegis/postgres/connect";
import { outbox } from "@aegis/postgres/outbox";
import { asService, inTenant } from "@aegis/postgres/tenant";
import { sql } from "kysely";
import { contentId } from "#domain/content-id.ts";
import type { Checkpoints } from "#usecases/ports.ts";
import type { AuditDatabase } from "./database.ts";

/** Checkpoints in PostgreSQL, and their events by the outbox. */
export function checkpointStore(db: Database<AuditDatabase>, instance: string): Checkpoints {
  return {
    latest: (tenant) =>
      inTenant(db, tenant, (trx) =>
        trx
          .selectFrom("checkpoints")
          .select(["size", "note"])
          .where("tenant", "=", tenant)
          .orderBy("size", "desc")
          .limit(1)
          .executeTakeFirst(),
      ),
    all: (tenant) =>
      asService(db, async (trx) => {
        // As text: a size that was tampered with need not be a safe integer.
        const { rows } = await sql<{ size: string; note: string }>`
          select size::text, note from checkpoints where tenant = ${tenant} order by checkpoints.size`.execute(trx);
        return rows.map(({ size, note }) => ({ size: Number(size), note }));
      }),
    async tenants() {
      const { rows } = await asService(db, (trx) =>
        sql<{ tenant: string }>`select h.tenant from heads h where exists (select from checkpoints c where c.tenant = h.tenant)`.execute(
          trx,
        ),
      );
      return rows.map((row) => row.tenant);
    },
    async add({ tenant, size, root, note }, signedAt) {
      return asService(db, async (trx) => {
        const { rows } = await sql`insert into checkpoints (tenant, size, root, note, recorded_at)
          values (${tenant}, ${size}, ${Buffer.from(root)}, ${note}, ${signedAt}) on conflict do nothing returning 1`.execute(trx);
        if (rows.length === 0) return false;
        const event = {
          specversion: "1.0",
          id: contentId(note),
          source: `aegis/audit/${instance}`,
          type: "dev.aegis.ledger.checkpoint.v1",
          time: signedAt.toISOString(),
          datacontenttype: "application/json",
          tenant,
          data: { size, root: Buffer.from(root).toString("base64"), note },
        };
        await outbox(trx).add(subject("checkpoint", { tenant }), event);
        return true;
      });
    },
    async pending() {
      const { rows } = await asService(db, (trx) =>
        sql<{ tenant: string }>`select h.tenant from heads h
          where h.size > coalesce((select max(c.size) from checkpoints c where c.tenant = h.tenant), 0) order by 1`.execute(trx),
      );
      return rows.map((row) => row.tenant);
    },
  };
}
