import type { Database } from "@aegis/postgres/connect";
import { inTenant } from "@aegis/postgres/tenant";
import { tileWidth } from "@aegis/tlog/tiles";
import { Frontier } from "@aegis/tlog/tree";
import { sql } from "kysely";
import type { Tree } from "#usecases/ports.ts";
import type { AuditDatabase } from "./database.ts";

/** Reads tenants' trees: level 0 from the entries and what is left of retired ones, the levels above from stored nodes. */
export function treeStore(db: Database<AuditDatabase>): Tree {
  return {
    async head(tenant) {
      const row = await inTenant(db, tenant, (trx) =>
        trx.selectFrom("heads").select(["size", "frontier"]).where("tenant", "=", tenant).executeTakeFirst(),
      );
      return row && { size: row.size, root: Frontier.fromBytes(row.size, row.frontier).root() };
    },
    async tile(tenant, level, index) {
      const [from, to] = [index * tileWidth, (index + 1) * tileWidth];
      const { rows } = await inTenant(db, tenant, (trx) =>
        level === 0
          ? sql<{ hash: Buffer }>`select hash from (
                select sequence, leaf_hash as hash from entries where tenant = ${tenant} and sequence >= ${from} and sequence < ${to}
                union all
                select sequence, leaf_hash from retired_leaves where tenant = ${tenant} and sequence >= ${from} and sequence < ${to}
              ) as leaves order by sequence`.execute(trx)
          : sql<{ hash: Buffer }>`select hash from nodes
              where tenant = ${tenant} and level = ${level} and index >= ${from} and index < ${to} order by index`.execute(trx),
      );
      return rows.map((row) => row.hash);
    },
  };
}
