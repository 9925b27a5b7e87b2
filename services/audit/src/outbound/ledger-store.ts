import { sha256 } from "@aegis/canonical/digest";
import type { Database } from "@aegis/postgres/connect";
import { asService } from "@aegis/postgres/tenant";
import { parseLeaf } from "@aegis/tlog/leaf";
import { sql, type Transaction } from "kysely";
import type { Coordinates } from "#domain/candidate.ts";
import type { Extension, Head } from "#domain/chain.ts";
import { identity, type Known, place } from "#domain/settle.ts";
import type { Ledger, LedgerTransaction } from "#usecases/ports.ts";
import type { AuditDatabase } from "./database.ts";
import { insertRows } from "./insert-rows.ts";

/** The ledger in PostgreSQL. The lock on a tenant's head row is what makes its sequence contiguous. */
export function ledgerStore(db: Database<AuditDatabase>): Ledger {
  return {
    append: (tenants, work) =>
      asService(db, async (trx) => {
        // A plan of its own for each batch would copy all of the batch's bytes for each place that they are named in.
        await sql`select set_config('plan_cache_mode', 'force_generic_plan', true)`.execute(trx);
        return work(await ledgerWithin(trx, tenants));
      }),
  };
}

/** The ledger within a transaction that is under way, whose scope is the service: these tenants' heads are locked until it ends. */
export const ledgerWithin = async (trx: Transaction<AuditDatabase>, tenants: readonly string[]): Promise<LedgerTransaction> =>
  transactionOf(trx, await lockHeads(trx, tenants));

function transactionOf(trx: Transaction<AuditDatabase>, heads: ReadonlyMap<string, Head>): LedgerTransaction {
  return {
    heads,
    known: (ids, places) => known(trx, ids, places),
    write: async ({ rows, nodes, heads: moved }: Extension) => {
      await insertRows(trx, rows);
      if (nodes.length > 0) {
        const values = nodes.map(({ tenant, level, index, hash }) => ({ tenant, level, index, hash: Buffer.from(hash) }));
        await trx.insertInto("nodes").values(values).execute();
      }
      const ends = moved.map((head) => ({ ...head, frontier: Buffer.from(head.frontier).toString("hex") }));
      await sql`update heads set size = r.size, frontier = decode(r.frontier, 'hex'), last_hash = decode(r.last, 'hex')
        from json_to_recordset(${JSON.stringify(ends)}::json) as r(tenant text, size bigint, frontier text, last text)
        where heads.tenant = r.tenant`.execute(trx);
    },
    heard: (producers) => heard(trx, producers),
  };
}

/** Always in the order of their names, so that two batches cannot wait for each other. */
async function lockHeads(trx: Transaction<AuditDatabase>, tenants: readonly string[]): Promise<Map<string, Head>> {
  const lock = () =>
    sql<{ tenant: string; size: number; frontier: Buffer; last_hash: Buffer }>`
    select tenant, size, frontier, last_hash from heads where tenant = any(${tenants}::text[]) order by tenant for update`.execute(trx);
  let { rows } = await lock();
  if (rows.length < tenants.length) {
    await sql`insert into heads (tenant) select unnest(${tenants}::text[]) order by 1 on conflict do nothing`.execute(trx);
    ({ rows } = await lock());
  }
  return new Map(
    rows.map((row) => [row.tenant, { tenant: row.tenant, size: row.size, frontier: row.frontier, last: row.last_hash.toString("hex") }]),
  );
}

/** One probe of an index for each: a join would be planned by statistics, which a growing table never has. */
async function known(
  trx: Transaction<AuditDatabase>,
  ids: readonly { readonly tenant: string; readonly id: string }[],
  places: readonly Coordinates[],
): Promise<Known> {
  const byId = await sql<{ tenant: string; id: string; leaf: Buffer | null }>`
    select k.tenant, k.id, e.leaf from unnest(${ids.map((each) => each.tenant)}::text[], ${ids.map((each) => each.id)}::text[]) as w(tenant, id),
    lateral (select tenant, id, sequence, recorded_at from entry_keys k where k.tenant = w.tenant and k.id = w.id limit 1) as k
    left join lateral (select leaf from entries where entries.tenant = k.tenant and entries.sequence = k.sequence
      and entries.recorded_at = k.recorded_at limit 1) as e on true`.execute(trx);
  const byPlace =
    places.length === 0
      ? { rows: [] }
      : await sql<{ tenant: string; id: string; producer: string; epoch: string; sequence: number }>`
    select e.tenant, e.id, e.producer, e.epoch, e.producer_sequence as sequence
    from unnest(${places.map((each) => each.producer)}::text[], ${places.map((each) => each.epoch)}::text[],
                ${places.map((each) => each.sequence)}::bigint[]) as w(producer, epoch, sequence),
    lateral (select tenant, id, producer, epoch, producer_sequence from entry_keys k where k.producer = w.producer
      and k.epoch = w.epoch and k.producer_sequence = w.sequence and k.claim = '' limit 1) as e`.execute(trx);
  return {
    bodies: new Map(byId.rows.map((row) => [identity(row), row.leaf && bodyOf(row.leaf)])),
    places: new Map(byPlace.rows.map((row) => [place(row), identity(row)])),
  };
}

/** Digest of the bytes that an entry was made from. */
function bodyOf(leaf: Uint8Array): string {
  const parsed = parseLeaf(leaf)?.leaf;
  return parsed?.detached?.digest ?? sha256(parsed?.event ?? leaf);
}

async function heard(trx: Transaction<AuditDatabase>, producers: readonly Coordinates[]): Promise<void> {
  const highest = new Map<string, Coordinates>();
  for (const each of producers) {
    const key = JSON.stringify([each.producer, each.epoch]);
    if (each.sequence > (highest.get(key)?.sequence ?? 0)) highest.set(key, each);
  }
  const sorted = [...highest.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, each]) => each);
  if (sorted.length === 0) return;
  await sql`
    insert into producers (producer, epoch, highest)
    select * from unnest(${sorted.map((each) => each.producer)}::text[], ${sorted.map((each) => each.epoch)}::text[],
                         ${sorted.map((each) => each.sequence)}::bigint[])
    on conflict (producer, epoch) do update set highest = greatest(producers.highest, excluded.highest), seen_at = now()`.execute(trx);
}
