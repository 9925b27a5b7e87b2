import type { Database } from "@aegis/postgres/connect";
import { asService } from "@aegis/postgres/tenant";
import { sql } from "kysely";
import type { BurningAccount } from "#usecases/ports.ts";
import type { Tables } from "./accounts.ts";

/** The accounts of the last day's windows that are nearest to their limits. */
export const burningAccounts =
  (db: Database<Tables>) =>
  async (limit: number): Promise<readonly BurningAccount[]> => {
    const { rows } = await asService(db, (trx) =>
      sql<BurningAccount>`select tenant, scope, unit, (leased + reserved + settled + overrun)::float8 / limit_units as used from accounts
        where window_kind = 'day' and window_start > now() - interval '1 day' and limit_units > 0
        order by used desc, tenant, scope limit ${limit}`.execute(trx),
    );
    return rows;
  };
