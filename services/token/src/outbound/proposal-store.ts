import type { Database } from "@aegis/postgres/connect";
import { asService, inTenant } from "@aegis/postgres/tenant";
import type { Selectable } from "kysely";
import type { Proposal } from "#domain/proposal.ts";
import type { ProposalStore } from "#usecases/registry-ports.ts";
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
          .values({ tenant, id, action, change: JSON.stringify(change), by, ...times, approver: null, approved_at: null, done_at: null })
          .execute();
      }),
    find: (tenant, id) =>
      within(tenant, async (trx) => {
        const row = await trx.selectFrom("proposals").selectAll().where("tenant", "=", tenant).where("id", "=", id).executeTakeFirst();
        return row && proposalOf(row);
      }),
    open: (tenant, now) =>
      within(tenant, async (trx) => {
        const rows = trx.selectFrom("proposals").selectAll().where("tenant", "=", tenant).where("done_at", "is", null);
        const waiting = rows.where((row) => row.or([row("approver", "is not", null), row("expires_at", ">", new Date(now))]));
        return (await waiting.orderBy("created_at", "desc").limit(500).execute()).map(proposalOf);
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
          .where("done_at", "is", null)
          .execute();
      }),
    finish: (tenant, id, now) => within(tenant, async (trx) => void (await finishIn(trx, tenant, id, now))),
    undone: (before) =>
      asService(db, async (trx) => {
        const rows = trx.selectFrom("proposals").selectAll().where("approver", "is not", null).where("done_at", "is", null);
        const found = await rows.where("approved_at", "<", new Date(before)).orderBy("approved_at").limit(100).execute();
        return found.map((row) => ({ ...proposalOf(row), approver: row.approver ?? "" }));
      }),
    claim: (tenant, id, before, now) =>
      within(tenant, async (trx) => {
        const claimed = await trx
          .updateTable("proposals")
          .set({ approved_at: new Date(now) })
          .where("tenant", "=", tenant)
          .where("id", "=", id)
          .where("approver", "is not", null)
          .where("done_at", "is", null)
          .where("approved_at", "<", new Date(before))
          .returning("id")
          .executeTakeFirst();
        return claimed !== undefined;
      }),
  };
}

/** Notes that what was agreed to is done; false when it was before. */
export async function finishIn(trx: Trx, tenant: string, id: string, now: number): Promise<boolean> {
  const done = await trx
    .updateTable("proposals")
    .set({ done_at: new Date(now) })
    .where("tenant", "=", tenant)
    .where("id", "=", id)
    .where("approver", "is not", null)
    .where("done_at", "is", null)
    .returning("id")
    .executeTakeFirst();
  return done !== undefined;
}

const proposalOf = (row: Selectable<Tables["proposals"]>): Proposal => ({
  id: row.id,
  change: row.change,
  by: row.by,
  createdAt: row.created_at.getTime(),
  expiresAt: row.expires_at.getTime(),
  ...(row.approver === null ? {} : { approver: row.approver }),
});
