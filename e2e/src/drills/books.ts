import { Pool } from "pg";

/** The budget service's tables, read by their owner; connects again when PostgreSQL was killed. */
export interface Books extends AsyncDisposable {
  rows<T extends object>(statement: string, values?: readonly unknown[]): Promise<T[]>;
  /** What does not add up in a tenant's books, counted anew from leases and reservations in one snapshot; `scopes` only, if given. */
  faults(tenant: string, most: number, scopes?: readonly string[]): Promise<string[]>;
}

export function openBooks(connection: string): Books {
  const pool = new Pool({ connectionString: connection, max: 3 });
  // A connection that broke while nobody used it is replaced by the next one.
  pool.on("error", () => undefined);
  const rows = async <T extends object>(statement: string, values: readonly unknown[] = []) =>
    (await pool.query<T>(statement, [...values])).rows;
  return {
    rows,
    async faults(tenant, most, scopes) {
      const found = await rows<{ scope: string; fault: string }>(faulty, [tenant, most, scopes ?? null]);
      return found.map(({ scope, fault }) => `${scope}: ${fault}`);
    },
    [Symbol.asyncDispose]: () => pool.end(),
  };
}

const faulty = `
  with held as (
    select scope, window_start, sum(units) filter (where state = 'reserved' and not owed) as reserved,
      sum(settled) filter (where state = 'settled' and not owed) as settled
    from budget.reservations where tenant = $1 and ($3::text[] is null or scope = any($3)) group by 1, 2),
  leased as (select scope, window_start, sum(greatest(0, coalesce(spent, granted) - attributed)) as leased
    from budget.leases where tenant = $1 and ($3::text[] is null or scope = any($3)) group by 1, 2)
  select a.scope, f.fault from budget.accounts a
    left join held h using (scope, window_start) left join leased l using (scope, window_start),
    lateral (values
      ('beyond the limit', a.leased + a.reserved + a.settled > $2),
      ('reserved is not what decisions hold', a.reserved <> coalesce(h.reserved, 0)),
      ('settled is not what decisions spent', a.settled <> coalesce(h.settled, 0)),
      ('leased is not what leases hold', a.leased <> coalesce(l.leased, 0))) as f (fault, wrong)
  where a.tenant = $1 and ($3::text[] is null or a.scope = any($3)) and f.wrong`;
