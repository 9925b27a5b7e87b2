import type { Database } from "@aegis/postgres/connect";
import { asService, inTenant } from "@aegis/postgres/tenant";
import type { Selectable } from "kysely";
import type { Proposal } from "#domain/proposal.ts";
import type { ProposalStore } from "#usecases/ports.ts";
import type { Tables, Trx } from "./tables.ts";

/** Proposals in Postgres, each tenant's apart. */
export function proposalStore(db: Database<Tables>): ProposalStore {
  const within = <T>(tenant: string, work: (trx: Trx) => Promise<T>): Promise<T> =>
    tenant === "*" ? asService(db, work) : inTenant(db, tenant, work);
  return {
    add: ({ id, change, by, createdAt, expiresAt }) =>
      within(change.tenant, async (trx) => {
        const { tenant, action } = change;
        const times = { created_at: new Date(createdAt), expires_at: new Date(expiresAt) };
        await trx
          .insertInto("proposals")
          .values({ tenant, id, action, change: JSON.stringify(change), by, ...times, approver: null, approved_at: null })
          .execute();
      }),
    find: (tenant, id) =>
      within(tenant, async (trx) => {
        const row = await trx.selectFrom("proposals").selectAll().where("tenant", "=", tenant).where("id", "=", id).executeTakeFirst();
        return row && proposalOf(row);
      }),
    open: (tenant, now) =>
      within(tenant, async (trx) => {
        const rows = trx.selectFrom("proposals").selectAll().where("tenant", "=", tenant).where("approver", "is", null);
        return (await rows.where("expires_at", ">", new Date(now)).orderBy("created_at", "desc").limit(500).execute()).map(proposalOf);
      }),
    take: (tenant, id, approver, now) =>
      within(tenant, async (trx) => {
        const taken = await trx
          .updateTable("proposals")
          .set({ approver, approved_at: new Date(now) })
          .where("tenant", "=", tenant)
          .where("id", "=", id)
          .where("approver", "is", null)
          .where("expires_at", ">", new Date(now))
          .returning("id")
          .executeTakeFirst();
        return taken !== undefined;
      }),
    reopen: (tenant, id) =>
      within(tenant, async (trx) => {
        await trx
          .updateTable("proposals")
          .set({ approver: null, approved_at: null })
          .where("tenant", "=", tenant)
          .where("id", "=", id)
          .execute();
      }),
  };
}

const proposalOf = (row: Selectable<Tables["proposals"]>): Proposal => ({
  id: row.id,
  change: row.change,
  by: row.by,
  createdAt: row.created_at.getTime(),
  expiresAt: row.expires_at.getTime(),
  ...(row.approver === null ? {} : { approver: row.approver }),
});
