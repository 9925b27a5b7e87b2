import type { Database } from "@aegis/postgres/connect";
import { asService } from "@aegis/postgres/tenant";
import { sql } from "kysely";
import type { Producers, Watermark } from "#usecases/ports.ts";
import type { AuditDatabase } from "./database.ts";

/** How far one statement looks ahead of a watermark. */
const stride = 20_000;
/** So many missing ranges are told at a time. */
const mostMissing = 500;

/** Producers' watermarks. They only ever grow, whichever instance moves them. */
export function producerStore(db: Database<AuditDatabase>): Producers {
  return {
    async advance() {
      const behind = await asService(db, (trx) =>
        trx.selectFrom("producers").select(["producer", "epoch", "watermark", "highest"]).whereRef("watermark", "<", "highest").execute(),
      );
      const moved: Watermark[] = [];
      for (const { producer, epoch, watermark, highest } of behind) {
        const sequence = await reach(db, producer, epoch, watermark);
        if (sequence > watermark) moved.push({ producer, epoch, sequence, highest, missing: [] });
      }
      return moved;
    },
    async heardSince(since) {
      const rows = await asService(db, (trx) =>
        trx
          .selectFrom("producers")
          .select(["producer", "epoch", "watermark as sequence", "highest"])
          .where("seen_at", ">", since)
          .execute(),
      );
      const told: Watermark[] = [];
      for (const row of rows) {
        // An epoch that ended long ago and is whole needs no look.
        const missing = row.sequence < row.highest ? await holes(db, row) : [];
        told.push({ ...row, missing });
      }
      return told;
    },
  };
}

/** The lowest holes between a watermark and the highest number that is ledgered. */
async function holes(
  db: Database<AuditDatabase>,
  { producer, epoch, sequence, highest }: Pick<Watermark, "producer" | "epoch" | "sequence" | "highest">,
): Promise<[number, number][]> {
  const { rows } = await asService(db, (trx) =>
    sql<{ first: number; last: number }>`
      with own as (
        select distinct producer_sequence as n from entry_keys
        where producer = ${producer} and epoch = ${epoch}
          and producer_sequence > ${sequence}::bigint and producer_sequence <= ${Math.min(highest, sequence + stride)}::bigint
      ),
      steps as (select lag(n, 1, ${sequence}::bigint) over (order by n) + 1 as first, n - 1 as last from own)
      select first, last from steps where last >= first order by first limit ${mostMissing}`.execute(trx),
  );
  return rows.map(({ first, last }) => [first, last]);
}

/** Moves one watermark over every entry that follows without a gap and lies under a checkpoint of its tenant. */
async function reach(db: Database<AuditDatabase>, producer: string, epoch: string, from: number): Promise<number> {
  let watermark = from;
  for (;;) {
    const { rows } = await asService(db, (trx) =>
      sql<{ watermark: number }>`
        with own as materialized (
          select producer_sequence, tenant, sequence from entry_keys
          where producer = ${producer} and epoch = ${epoch}
            and producer_sequence > ${watermark}::bigint and producer_sequence <= ${watermark + stride}::bigint
        ),
        covered as materialized (
          select tenant, (select max(size) from checkpoints where checkpoints.tenant = named.tenant) as size
          from (select distinct tenant from own) as named
        ),
        ahead as (
          select producer_sequence, bool_and(sequence < coalesce(size, 0)) as covered, row_number() over (order by producer_sequence) as n
          from own join covered using (tenant) group by producer_sequence
        ),
        reached as (
          select coalesce(min(n) filter (where producer_sequence <> ${watermark}::bigint + n or not covered) - 1, count(*)) as n from ahead
        )
        update producers set watermark = greatest(watermark, ${watermark}::bigint + reached.n) from reached
        where producer = ${producer} and epoch = ${epoch} returning watermark`.execute(trx),
    );
    const reached = rows[0]?.watermark ?? watermark;
    if (reached < watermark + stride) return reached;
    watermark = reached;
  }
}
