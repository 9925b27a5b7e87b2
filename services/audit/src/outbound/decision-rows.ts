import type { Database } from "@aegis/postgres/connect";
import { inTenant } from "@aegis/postgres/tenant";
import { type RawBuilder, sql } from "kysely";
import type { DecisionWindow, Usage } from "#usecases/ports.ts";
import type { AuditDatabase } from "./database.ts";
import { readInOrder } from "./in-order.ts";

const eventMark = ',"event":';

/** The row's event as text: what the database sends as bytes takes twice the room on the way. */
const eventText = sql<string>`convert_from(coalesce(payload, leaf), 'UTF8')`;

/** Decision events of a window as they were received, ascending by sequence. */
export async function readDecisions(
  db: Database<AuditDatabase>,
  tenant: string,
  { window, after, limit }: { readonly window: DecisionWindow; readonly after: number | undefined; readonly limit: number },
): Promise<{ sequence: number; event: string }[]> {
  const { rows } = await inTenant(db, tenant, async (trx) => {
    await readInOrder(trx);
    return sql<{ sequence: string; text: string; whole: boolean }>`select sequence::text, ${eventText} as text, payload is not null as whole
      from entries where ${within(tenant, window)} and entries.sequence > ${after ?? -1} order by entries.sequence limit ${limit}`.execute(
      trx,
    );
  });
  return rows.map(({ sequence, text, whole }) => ({ sequence: Number(sequence), event: whole ? text : eventIn(text) }));
}

/**
 * How often each agent called each action. The database counts what is certainly no dry run; the others are looked at one by one,
 * because what an agent writes may look like one, and what it writes may be text that PostgreSQL does not unescape.
 */
export async function readUsage(db: Database<AuditDatabase>, tenant: string, window: DecisionWindow): Promise<Usage[]> {
  const counted = await inTenant(db, tenant, (trx) =>
    sql<Omit<Usage, "calls" | "dryRun"> & { calls: string }>`select agent, tool, action, decision, count(*)::text as calls,
        min(occurred_at) as first, max(occurred_at) as last
      from entries where ${within(tenant, window)} and not ${mayBeDryRun}
      group by agent, tool, action, decision`.execute(trx),
  );
  const usage = new Map<string, Usage>();
  for (const row of counted.rows) add(usage, { ...row, calls: Number(row.calls), dryRun: false });
  for (let after = -1, more = true; more; ) {
    const { rows } = await inTenant(db, tenant, (trx) =>
      sql<PossibleDryRun>`select sequence::text, agent, tool, action, decision, occurred_at, ${eventText} as text,
          payload is not null as whole from entries
        where ${within(tenant, window)} and ${mayBeDryRun} and entries.sequence > ${after} order by entries.sequence limit ${page}`.execute(
        trx,
      ),
    );
    for (const { agent, tool, action, decision, occurred_at: at, text, whole } of rows)
      add(usage, { agent, tool, action, decision, dryRun: isDryRun(whole ? text : eventIn(text)), calls: 1, first: at, last: at });
    after = Number(rows.at(-1)?.sequence ?? after);
    more = rows.length === page;
  }
  return [...usage].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one);
}

type PossibleDryRun = Pick<Usage, "agent" | "tool" | "action" | "decision"> & {
  readonly sequence: string;
  readonly occurred_at: Date;
  readonly text: string;
  readonly whole: boolean;
};

const page = 1_000;

const mayBeDryRun = sql`${eventText} ~ '"dryRun"[[:space:]]*:[[:space:]]*true'`;

const isDryRun = (event: string): boolean => (JSON.parse(event) as { data?: { dryRun?: unknown } }).data?.dryRun === true;

function add(usage: Map<string, Usage>, one: Usage): void {
  const key = [one.agent, one.tool, one.action, one.decision, one.dryRun].join("\n");
  const known = usage.get(key);
  if (known === undefined) usage.set(key, one);
  else
    usage.set(key, {
      ...one,
      calls: known.calls + one.calls,
      first: known.first < one.first ? known.first : one.first,
      last: known.last > one.last ? known.last : one.last,
    });
}

function within(tenant: string, { from, to, agent }: DecisionWindow): RawBuilder<unknown> {
  const all = sql`tenant = ${tenant} and kind = 'decision' and occurred_at >= ${from} and occurred_at < ${to}`;
  return agent === undefined ? all : sql`${all} and agent = ${agent}`;
}

/** A leaf is its header and, as its last member, the event verbatim. */
const eventIn = (leaf: string): string => leaf.slice(leaf.indexOf(eventMark) + eventMark.length, -1);
