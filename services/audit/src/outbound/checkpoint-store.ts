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
      asService(db, (trx) => trx.selectFrom("checkpoints").select(["size", "note"]).where("tenant", "=", tenant).orderBy("size").execute()),
    async add({ tenant, size, root, note }, now) {
      await asService(db, async (trx) => {
        const { rows } = await sql`insert into checkpoints (tenant, size, root, note, recorded_at)
          values (${tenant}, ${size}, ${Buffer.from(root)}, ${note}, ${now}) on conflict do nothing returning 1`.execute(trx);
        if (rows.length === 0) return;
        const event = {
          specversion: "1.0",
          id: contentId(note),
          source: `aegis/audit/${instance}`,
          type: "dev.aegis.ledger.checkpoint.v1",
          time: now.toISOString(),
          datacontenttype: "application/json",
          tenant,
          data: { size, root: Buffer.from(root).toString("base64"), note },
        };
        await outbox(trx).add(subject("checkpoint", { tenant }), event);
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
