import type { Database } from "@aegis/postgres/connect";
import { inTenant } from "@aegis/postgres/tenant";
import { sql } from "kysely";
import { dueAfter, room } from "#domain/rate.ts";
import type { RateStore, ScopedRate } from "#usecases/ports.ts";
import type { Tables } from "./accounts.ts";

/** Rates in PostgreSQL: one row each, locked in one order while calls are let through. */
export function rateStore(db: Database<Tables>): RateStore {
  return {
    admit: (tenant, rates, { calls, returned }, now) =>
      inTenant(db, tenant, async (trx) => {
        // What a power cut forgets of a rate are the calls of its last moments: that is no reason to wait for the disk on every call.
        await sql`set local synchronous_commit = off`.execute(trx);
        await sql`insert into rates (tenant, scope, calls, seconds) select ${tenant}, * from unnest(${columnsOf(rates)})
          order by 2, 3, 4 on conflict do nothing`.execute(trx);
        const { rows } = await sql<ScopedRate & { due: number }>`
          select scope, calls, seconds, due from rates
          where tenant = ${tenant} and (scope, calls, seconds) in (select * from unnest(${columnsOf(rates)}))
          order by scope, calls, seconds for update`.execute(trx);
        let admitted = calls;
        let refusedBy: ScopedRate | undefined;
        for (const row of rows) {
          const free = room(row, dueAfter(row, row.due, now, 0, returned), now).calls;
          if (free < admitted) [admitted, refusedBy] = [free, row];
        }
        const due = rows.map((row) => dueAfter(row, row.due, now, admitted, returned));
        if (admitted > 0 || returned > 0) {
          await sql`
            update rates r set due = e.due
            from unnest(${columnsOf(rows)}, ${due}::bigint[]) as e (scope, calls, seconds, due)
            where r.tenant = ${tenant} and r.scope = e.scope and r.calls = e.calls and r.seconds = e.seconds`.execute(trx);
        }
        if (refusedBy === undefined) return { admitted };
        const wait = Math.max(...rows.map((row, index) => room(row, due[index] as number, now).wait));
        return { admitted, refusedBy: nameOf(refusedBy), waitMs: Math.max(1, Math.ceil(wait / 1000)) };
      }),
  };
}

const columnsOf = (rates: readonly ScopedRate[]) => sql`${rates.map((one) => one.scope)}::text[],
  ${rates.map((one) => one.calls)}::bigint[], ${rates.map((one) => one.seconds)}::bigint[]`;

const nameOf = ({ scope, calls, seconds }: ScopedRate): string => `${calls} in ${seconds} s on ${scope}`;
