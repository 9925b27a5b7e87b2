import type { Database } from "@aegis/postgres/connect";
import { inTenant } from "@aegis/postgres/tenant";
import type { TemplateStore } from "#usecases/registry-ports.ts";
import type { Tables } from "./tables.ts";

/** Templates in Postgres, each tenant's apart. */
export function templateStore(db: Database<Tables>): TemplateStore {
  return {
    add: (template) =>
      inTenant(db, template.tenant, async (trx) => {
        const { tenant, name, purpose, kind, risk, scope, mayAct, scopeReviews, createdAt, createdBy } = template;
        const lists = { scope: [...scope], may_act: [...mayAct], scope_reviews: JSON.stringify(scopeReviews) };
        const added = await trx
          .insertInto("templates")
          .values({ tenant, name, purpose, kind, risk, ...lists, created_at: new Date(createdAt), created_by: createdBy })
          .onConflict((same) => same.columns(["tenant", "name"]).doNothing())
          .returning("name")
          .executeTakeFirst();
        return added !== undefined;
      }),
    list: (tenant, name) =>
      inTenant(db, tenant, async (trx) => {
        const all = trx.selectFrom("templates").selectAll().orderBy("name").limit(500);
        return (await (name === undefined ? all : all.where("name", "=", name)).execute()).map((row) => ({
          tenant: row.tenant,
          name: row.name,
          purpose: row.purpose,
          kind: row.kind,
          risk: row.risk,
          scope: row.scope,
          mayAct: row.may_act,
          scopeReviews: row.scope_reviews,
          createdAt: row.created_at.getTime(),
          createdBy: row.created_by,
        }));
      }),
    remove: (tenant, name) =>
      inTenant(db, tenant, async (trx) => {
        const removed = await trx.deleteFrom("templates").where("name", "=", name).returning("name").executeTakeFirst();
        return removed !== undefined;
      }),
  };
}
