import type { Database } from "@aegis/postgres/connect";
import { asService } from "@aegis/postgres/tenant";
import type { StoredInteger, StoredState } from "@aegis/tlog/stored-state";
import { sql } from "kysely";
import type { TenantSummary } from "#usecases/ports.ts";
import type { AuditDatabase } from "./database.ts";
import { instant } from "./instant.ts";

/** One of a tenant's heads, nodes and checkpoints. Integers are text: what was tampered with need not be a safe one. */
interface Part {
  part: "head" | "node" | "checkpoint";
  number: string;
  level: number | null;
  hash: string;
  text: string | null;
  at: string | null;
}

/** Head, nodes and checkpoints of a tenant as they stand, whatever they hold; one statement, so of one moment. */
export async function readState(db: Database<AuditDatabase>, tenant: string): Promise<StoredState> {
  const { rows } = await asService(db, (trx) =>
    sql<Part>`
      select 'head' as part, size::text as number, null::int as level, encode(frontier, 'hex') as hash,
        encode(last_hash, 'hex') as text, null as at from heads where tenant = ${tenant}
      union all
      select 'node', index::text, level, encode(hash, 'hex'), null, null from nodes where tenant = ${tenant}
      union all
      select 'checkpoint', size::text, null, encode(root, 'hex'), note, (extract(epoch from recorded_at) * 1000000)::text
        from checkpoints where tenant = ${tenant}`.execute(trx),
  );
  const of = (part: Part["part"]) => rows.filter((row) => row.part === part);
  const [head] = of("head");
  return {
    tenant,
    head: head === undefined ? null : { size: integer(head.number), frontier: head.hash, last_hash: head.text ?? "" },
    nodes: of("node").map(({ level, number, hash }) => ({ level: level ?? 0, index: integer(number), hash })),
    checkpoints: of("checkpoint").map(({ number, hash, text, at }) => ({
      size: integer(number),
      root: hash,
      note: text ?? "",
      recorded_at: instant(at),
    })),
  };
}

/** Every tenant that a row, a head, a node or a checkpoint names. */
export async function readTenants(db: Database<AuditDatabase>): Promise<TenantSummary[]> {
  const { rows } = await asService(db, (trx) =>
    // A loose index scan: one probe per tenant instead of one step per entry.
    sql<{ tenant: string; entries: string | null; checkpoint: string | null }>`
      with recursive found as (
        select min(tenant) as tenant from entries
        union all
        select (select min(tenant) from entries where tenant > found.tenant) from found where found.tenant is not null
      ),
      named as (
        select tenant from found where tenant is not null
        union select tenant from heads union select tenant from nodes union select tenant from checkpoints union select tenant from cosignatures
      )
      select n.tenant, h.size::text as entries, (select max(c.size) from checkpoints c where c.tenant = n.tenant)::text as checkpoint
      from named n left join heads h using (tenant) order by 1`.execute(trx),
  );
  return rows.map(({ tenant, entries, checkpoint }) => ({ tenant, entries: Number(entries), checkpoint: Number(checkpoint) }));
}

function integer(text: string): StoredInteger {
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : text;
}
