import type { BudgetUnit, BudgetWindow } from "@aegis/policy/ir";
import type { Database } from "@aegis/postgres/connect";
import { inTenant } from "@aegis/postgres/tenant";
import { sql } from "kysely";
import { type Account, lowest, type Target } from "#domain/target.ts";
import type { Facts, LimitStore } from "#usecases/ports.ts";
import { type BalanceRow, type Bounds, balanceColumns, factsOf, read, type Tables, type Trx } from "./accounts.ts";

/** Limits set by people, and what accounts hold. */
export function limitStore(db: Database<Tables>): LimitStore {
  return {
    set: ({ tenant, scope, unit, window }, units, by, now) =>
      inTenant(db, tenant, async (trx) => {
        if (units === undefined) {
          await sql`delete from limits where tenant = ${tenant} and scope = ${scope} and unit = ${unit} and window_kind = ${window}`.execute(
            trx,
          );
          return;
        }
        await sql`
          insert into limits (tenant, scope, unit, window_kind, units, set_by, set_at)
          values (${tenant}, ${scope}, ${unit}, ${window}, ${units}, ${by}, ${new Date(now)})
          on conflict (tenant, scope, unit, window_kind) do update
          set units = excluded.units, set_by = excluded.set_by, set_at = excluded.set_at`.execute(trx);
      }),

    list: (tenant) =>
      inTenant(db, tenant, async (trx) => {
        const { rows } = await sql<{ scope: string; unit: BudgetUnit; window: BudgetWindow; units: number }>`
          select scope, unit, window_kind as window, units from limits where tenant = ${tenant}`.execute(trx);
        return rows.map((row) => ({ tenant, ...row }));
      }),

    facts: (tenant, targets) =>
      inTenant(db, tenant, async (trx) => {
        const found: ({ target: Target } & Facts)[] = [];
        for (const target of targets) {
          const bounds = await boundsInForce(trx, target);
          if (bounds !== undefined) found.push({ target, ...factsOf(await read(trx, target), bounds.limit) });
        }
        return found;
      }),

    accounts: (tenant, starts) =>
      inTenant(db, tenant, async (trx) => {
        const { rows } = await sql<BalanceRow & { scope: string; unit: BudgetUnit; window: BudgetWindow; window_start: Date }>`
          select scope, unit, window_kind as window, window_start, ${balanceColumns} from accounts
          where tenant = ${tenant} and (window_kind, window_start) in (select * from unnest(${starts.map(([window]) => window)}::text[],
            ${starts.map(([, start]) => new Date(start))}::timestamptz[]))
          order by scope limit 1000`.execute(trx);
        return rows.map((row) => ({
          scope: row.scope,
          unit: row.unit,
          window: row.window,
          windowStart: row.window_start.getTime(),
          ...factsOf(row, row.limit_units),
        }));
      }),
  };
}

/** What bounds an account now: the lowest of the policies' and people's limits, with the policies' thresholds. Undefined: nobody bounds it. */
export async function boundsInForce(trx: Trx, target: Target): Promise<Bounds | undefined> {
  const limit = lowest(target.policyLimit, await limitSet(trx, target));
  if (limit === undefined) return undefined;
  const { notify, gate } = target.soft;
  const open = Math.min(limit, gate?.units ?? limit);
  return { limit, open, ...(notify !== undefined && { notify }), ...(gate && open < limit && { gate: gate.action }) };
}

async function limitSet(trx: Trx, { tenant, scope, unit, window }: Account): Promise<number | undefined> {
  const { rows } = await sql<{ units: number }>`
    select units from limits where tenant = ${tenant} and scope = ${scope} and unit = ${unit} and window_kind = ${window}`.execute(trx);
  return rows[0]?.units;
}
