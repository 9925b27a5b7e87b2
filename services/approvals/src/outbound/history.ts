import type { Database } from "@aegis/postgres/connect";
import { inTenant } from "@aegis/postgres/tenant";
import { sql, type Transaction } from "kysely";
import type { Change } from "#domain/approval.ts";
import type { Happening, HistoryStore } from "#usecases/ports.ts";
import type { Tables } from "./tables.ts";

/** What happened to an approval, from all the tables that know a part of it. */
export function historyStore(db: Database<Tables>): HistoryStore {
  return {
    of: (tenant, id) =>
      inTenant(db, tenant, async (trx) => {
        const { rows } = await sql<{ at: Date; what: string; who: string[]; comment: string }>`
          select at, what, who, comment from (
            select requested_at as at, 0 as part, 0::bigint as sequence, 'requested' as what, array[agent] as who, '' as comment
              from approvals where id = ${id}
            union all select voted_at, 1, sequence, decision, array[voter], comment from votes where approval_id = ${id}
            union all select at, 2, sequence, what, who, comment from history where approval_id = ${id}
            union all select settled_at, 3, attempts, 'told', array[channel], notice || case when about = '' then '' else ': ' || about end
              from deliveries where approval_id = ${id} and state = 'sent'
          ) happened order by at, part, sequence`.execute(trx);
        return rows.map(({ at, ...row }): Happening => ({ at: at.getTime(), ...row }));
      }),

    comment: (tenant, id, comment) => inTenant(db, tenant, (trx) => addComment(trx, { id, tenant }, comment)),
  };
}

/** Keeps what somebody said of an approval. */
export const addComment = (
  trx: Transaction<Tables>,
  approval: { id: string; tenant: string },
  { who, comment, at }: { readonly who: string; readonly comment: string; readonly at: number },
) => add(trx, approval, { at, what: "comment", who: [who], comment });

/** Keeps a change of state in the transaction that makes it; a vote has a table of its own. */
export async function keepHistory(trx: Transaction<Tables>, approval: { id: string; tenant: string }, change: Change): Promise<void> {
  if (change.type === "voted") return;
  await add(trx, approval, {
    at: change.at,
    what: change.type,
    who: whoOf(change),
    comment: change.type === "cancelled" ? (change.comment ?? "") : "",
  });
}

function whoOf(change: Exclude<Change, { type: "voted" }>): string[] {
  switch (change.type) {
    case "approved":
      return [...change.by];
    case "denied":
    case "cancelled":
      return [change.by];
    // Time has no name.
    case "expired":
      return [];
    case "redeemed":
      return [change.decisionId];
  }
}

async function add(
  trx: Transaction<Tables>,
  approval: { id: string; tenant: string },
  { at, what, who, comment }: Happening,
): Promise<void> {
  await trx
    .insertInto("history")
    .values({ approval_id: approval.id, tenant: approval.tenant, at: new Date(at), what, who: [...who], comment })
    .execute();
}
