import { sql, type Transaction } from "kysely";
import type { ApprovalState, Vote } from "#domain/approval.ts";
import type { ApprovalRecord } from "#usecases/ports.ts";
import type { Tables } from "./tables.ts";

interface Row {
  id: string;
  tenant: string;
  state: ApprovalState;
  agent: string;
  subject: string;
  chain: string[];
  owner: string | null;
  authors: string[];
  tool: string;
  action: string;
  arguments: Record<string, unknown>;
  reasons: unknown[];
  action_digest: string;
  rule_digest: string;
  queue: string;
  quorum: number;
  requested_at: Date;
  expires_at: Date;
  decided_by: string[];
  version: number;
  votes: { user: string; decision: "approve" | "deny"; comment: string; at: number }[];
}

/** Approvals with their votes, oldest vote first, and the agent's owner, in one statement; `rest` is everything from WHERE on. */
export async function readApprovals(trx: Transaction<Tables>, rest: ReturnType<typeof sql>): Promise<ApprovalRecord[]> {
  const { rows } = await sql<Row>`
    select a.id, a.tenant, a.state, a.agent, a.subject, a.chain, a.tool, a.action, a.arguments, a.reasons, a.action_digest, a.rule_digest,
      a.queue, a.quorum, a.requested_at, a.expires_at, a.decided_by, a.version,
      (select owner from owners o where o.tenant = a.tenant and o.agent = a.agent) as owner,
      array(select author from policy_authors p where p.tenant = a.tenant and p.version = a.policy_version) as authors,
      coalesce((select json_agg(json_build_object('user', v.voter, 'decision', v.decision, 'comment', v.comment,
          'at', (extract(epoch from v.voted_at) * 1000)::bigint) order by v.sequence)
        from votes v where v.approval_id = a.id), '[]'::json) as votes
    from approvals a ${rest}`.execute(trx);
  return rows.map(recordOf);
}

/** Locks one approval until the transaction ends, then reads it: what is read can no longer change underneath. */
export async function lockApproval(trx: Transaction<Tables>, id: string): Promise<ApprovalRecord | undefined> {
  const locked = await trx.selectFrom("approvals").select("id").where("id", "=", id).forUpdate().executeTakeFirst();
  if (locked === undefined) return undefined;
  return (await readApprovals(trx, sql`where a.id = ${id}`))[0];
}

function recordOf(row: Row): ApprovalRecord {
  const owner = row.owner ?? undefined;
  return {
    id: row.id,
    tenant: row.tenant,
    state: row.state,
    requester: { agent: row.agent, subject: row.subject, chain: row.chain, owner, authors: row.authors },
    tool: row.tool,
    action: row.action,
    arguments: row.arguments,
    reasons: row.reasons,
    actionDigest: row.action_digest,
    ruleDigest: row.rule_digest,
    queue: row.queue,
    quorum: row.quorum,
    requestedAt: row.requested_at.getTime(),
    expiresAt: row.expires_at.getTime(),
    decidedBy: row.decided_by,
    version: row.version,
    votes: row.votes satisfies Vote[],
  };
}
