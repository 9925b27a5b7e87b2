import { sql, type Transaction } from "kysely";
import type { Bound, Grant } from "#domain/grant.ts";
import type { Tables } from "./tables.ts";

interface Row {
  id: string;
  tenant: string;
  approval_id: string;
  state: Grant["state"];
  agent: string;
  subject: string | null;
  tool: string;
  action: string;
  rule_digest: string;
  queue: string;
  quorum: number;
  bounds: Record<string, Bound>;
  max_uses: number;
  uses: number;
  comment: string;
  created_at: Date;
  expires_at: Date;
  revoked_by: string | null;
  backers: string[];
}

/** Grants with those who back them, first one first; `rest` is everything from WHERE on. */
export async function readGrants(trx: Transaction<Tables>, rest: ReturnType<typeof sql>): Promise<Grant[]> {
  const { rows } = await sql<Row>`
    select g.*, array(select voter from grant_backers b where b.grant_id = g.id order by b.backed_at) as backers from grants g ${rest}`.execute(
    trx,
  );
  return rows.map((row) => ({
    id: row.id,
    tenant: row.tenant,
    approvalId: row.approval_id,
    state: row.state,
    agent: row.agent,
    subject: row.subject ?? undefined,
    tool: row.tool,
    action: row.action,
    ruleDigest: row.rule_digest,
    queue: row.queue,
    quorum: row.quorum,
    bounds: row.bounds,
    maxUses: row.max_uses,
    uses: row.uses,
    comment: row.comment,
    createdAt: row.created_at.getTime(),
    expiresAt: row.expires_at.getTime(),
    revokedBy: row.revoked_by ?? undefined,
    backers: row.backers,
  }));
}

/** Locks one grant until the transaction ends, then reads it. */
export async function lockGrant(trx: Transaction<Tables>, id: string): Promise<Grant | undefined> {
  const locked = await trx.selectFrom("grants").select("id").where("id", "=", id).forUpdate().executeTakeFirst();
  return locked && (await readGrants(trx, sql`where g.id = ${id}`))[0];
}
