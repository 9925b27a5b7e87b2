import type { Database } from "@aegis/postgres/connect";
import { asService, inTenant } from "@aegis/postgres/tenant";
import type { OrgStore } from "#usecases/registry-ports.ts";
import type { EventWriter } from "./events.ts";
import type { Tables, Trx } from "./tables.ts";

/** Organisations' tenants in Postgres. */
export function orgStore(db: Database<Tables>, write: EventWriter): OrgStore {
  return {
    assign: (tenant, org, by, now) =>
      inTenant(db, tenant, async (trx) => {
        const former = await orgIn(trx, tenant);
        if (former === org) return;
        if (org === undefined) await trx.deleteFrom("tenant_orgs").where("tenant", "=", tenant).execute();
        else {
          const row = { org, since: new Date(now), by };
          await trx
            .insertInto("tenant_orgs")
            .values({ tenant, ...row })
            .onConflict((same) => same.column("tenant").doUpdateSet(row))
            .execute();
        }
        await trx
          .updateTable("agents")
          .set({ org: org ?? tenant })
          .where("tenant", "=", tenant)
          .execute();
        await write(trx, "orgAssigned", tenant, now, { org: org ?? null, former: former ?? null, by });
      }),
    tenantsOf: (org) =>
      asService(db, async (trx) => {
        const rows = await trx.selectFrom("tenant_orgs").select("tenant").where("org", "=", org).orderBy("tenant").execute();
        return rows.map(({ tenant }) => tenant);
      }),
    read: ({ tenant, service, what, by }, mayRead, now) =>
      inTenant(db, tenant, async (trx) => {
        const org = await orgIn(trx, tenant);
        if (!mayRead(org)) return false;
        await write(trx, "orgRead", tenant, now, { org: org ?? null, by, service, what });
        return true;
      }),
  };
}

/** The organisation of a tenant, locked against change until the transaction ends; undefined when it has none. */
export async function orgIn(trx: Trx, tenant: string): Promise<string | undefined> {
  const row = await trx.selectFrom("tenant_orgs").select("org").where("tenant", "=", tenant).forShare().executeTakeFirst();
  return row?.org;
}
