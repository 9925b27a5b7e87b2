import type { Database } from "@aegis/postgres/connect";
import { inTenant } from "@aegis/postgres/tenant";
import { sql } from "kysely";
import type { Tables, Trx } from "./accounts.ts";

/** Runs `work` in a transaction that sees a tenant's rows, and the own accounts of organisations that its calls are charged to. */
export const inOrganisations = <T>(
  db: Database<Tables>,
  tenant: string,
  organisations: Iterable<string>,
  work: (trx: Trx) => Promise<T>,
): Promise<T> =>
  inTenant(db, tenant, async (trx) => {
    const names = [...new Set(organisations)].filter((name) => name !== tenant);
    // Names of tenants hold no comma.
    if (names.length > 0) await sql`select set_config('aegis.organisations', ${names.join(",")}, true)`.execute(trx);
    return work(trx);
  });
