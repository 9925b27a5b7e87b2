import type { Database } from "@aegis/postgres/connect";
import { inTenant } from "@aegis/postgres/tenant";
import { type RawBuilder, sql } from "kysely";
import type { DecisionWindow, Usage } from "#usecases/ports.ts";
import type { AuditDatabase } from "./database.ts";

const eventMark = Buffer.from(',"event":');

/** Decision events of a window as they were received, ascending by sequence. */
export async function readDecisions(
  db: Database<AuditDatabase>,
  tenant: string,
  { window, after, limit }: { readonly window: DecisionWindow; readonly after: number | undefined; readonly limit: number },
): Promise<{ sequence: number; event: Uint8Array }[]> {
  const { rows } = await inTenant(db, tenant, (trx) =>
    sql<{ sequence: string; leaf: Buffer; payload: Buffer | null }>`select sequence::text, leaf, payload from entries
      where ${within(tenant, window)} and entries.sequence > ${after ?? -1} order by entries.sequence limit ${limit}`.execute(trx),
  );
  return rows.map(({ sequence, leaf, payload }) => ({ sequence: Number(sequence), event: payload ?? eventIn(leaf) }));
}

/** How often each agent called each action, counted by the database: nothing is read but what the rows say. */
export async function readUsage(db: Database<AuditDatabase>, tenant: string, window: DecisionWindow): Promise<Usage[]> {
  const { rows } = await inTenant(db, tenant, (trx) =>
    sql<Omit<Usage, "calls"> & { calls: string }>`select agent, tool, action, decision, "dryRun", count(*)::text as calls,
        min(occurred_at) as first, max(occurred_at) as last
      from (select agent, tool, action, decision, occurred_at,
          coalesce(convert_from(leaf, 'UTF8')::json #>> '{event,data,dryRun}' = 'true', false) as "dryRun"
        from entries where ${within(tenant, window)}) as decisions
      group by agent, tool, action, decision, "dryRun" order by agent, tool, action, decision, "dryRun"`.execute(trx),
  );
  return rows.map((row) => ({ ...row, calls: Number(row.calls) }));
}

function within(tenant: string, { from, to, agent }: DecisionWindow): RawBuilder<unknown> {
  const all = sql`tenant = ${tenant} and kind = 'decision' and occurred_at >= ${from} and occurred_at < ${to}`;
  return agent === undefined ? all : sql`${all} and agent = ${agent}`;
}

/** A leaf is its header and, as its last member, the event verbatim. */
const eventIn = (leaf: Buffer): Buffer => leaf.subarray(leaf.indexOf(eventMark) + eventMark.length, -1);
