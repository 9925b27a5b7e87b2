import { AegisError } from "@aegis/contracts/errors";
import { tenantName } from "@aegis/contracts/names";
import { type Kysely, sql, type Transaction } from "kysely";
import { wakeOutboxOf } from "./outbox-signal.ts";

/**
 * Runs `work` in a transaction that sees one tenant's rows: `aegis.tenant` holds until the transaction ends, and row-level
 * security compares with it. Throws `invalid_argument` when the tenant is no tenant name.
 */
export async function inTenant<DB, T>(db: Kysely<DB>, tenant: string, work: (trx: Transaction<DB>) => Promise<T>): Promise<T> {
  if (!tenantName.safeParse(tenant).success) throw new AegisError("invalid_argument", "not a tenant name");
  return scoped(db, tenant, "tenant", work);
}

/**
 * Runs `work` in a transaction that sees no tenant, but what policies grant to `aegis.scope = 'service'`: for a service's own
 * workers that serve all tenants.
 */
export async function asService<DB, T>(db: Kysely<DB>, work: (trx: Transaction<DB>) => Promise<T>): Promise<T> {
  return scoped(db, "", "service", work);
}

async function scoped<DB, T>(db: Kysely<DB>, tenant: string, scope: string, work: (trx: Transaction<DB>) => Promise<T>): Promise<T> {
  let used: Transaction<DB> | undefined;
  const result = await db.transaction().execute(async (trx) => {
    used = trx;
    // Local to the transaction: a pooled connection must never carry one tenant's scope to another's request.
    await sql`select set_config('aegis.tenant', ${tenant}, true), set_config('aegis.scope', ${scope}, true)`.execute(trx);
    return work(trx);
  });
  if (used !== undefined) wakeOutboxOf(used);
  return result;
}
