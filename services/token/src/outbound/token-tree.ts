import { sql, type Transaction } from "kysely";
import type { TokenRevocation } from "#domain/revocation.ts";
import type { Tables } from "./tables.ts";

/**
 * Revokes a token and all delegated from it that still live; those newly revoked.
 *
 * A delegation in flight holds its parent's row, so the update waits for it, but its statement cannot see the child. Hence
 * again until nothing is new: by then every row of the tree is ours, and a new child would wait for it and find it revoked.
 */
export async function revokeTree(trx: Transaction<Tables>, tenant: string, id: string, now: number): Promise<TokenRevocation[]> {
  const revoked: TokenRevocation[] = [];
  for (;;) {
    const { rows } = await sql<{ id: string; expires_at: Date }>`
      with recursive tree as (
        select id from tokens where tenant = ${tenant} and id = ${id}
        union
        select child.id from tokens child join tree on child.tenant = ${tenant} and child.parent_id = tree.id
      )
      update tokens set revoked_at = ${new Date(now)}
      where tenant = ${tenant} and id in (select id from tree) and revoked_at is null and expires_at > ${new Date(now)}
      returning id, expires_at`.execute(trx);
    if (rows.length === 0) return revoked;
    revoked.push(...rows.map((row) => ({ tenant, tokenId: row.id, since: now, until: row.expires_at.getTime() })));
  }
}
