import type { Database } from "@aegis/postgres/connect";
import { inTenant } from "@aegis/postgres/tenant";
import { sql } from "kysely";
import type { Statistics } from "#usecases/ports.ts";
import type { Tables } from "./tables.ts";

/** An answer within so many seconds is hardly one to what was read. */
const quickSeconds = 5;

/** How a tenant's approvals went, counted in PostgreSQL. */
export function statistics(db: Database<Tables>): Statistics {
  return {
    since: (tenant, from) =>
      inTenant(db, tenant, async (trx) => {
        const { rows } = await sql<Awaited<ReturnType<Statistics["since"]>>[number]>`
          select agent, tool || ':' || action as call, rule_digest as "ruleDigest", queue,
            count(*) as requested,
            count(*) filter (where state = 'pending') as pending,
            count(*) filter (where state in ('approved', 'redeemed')) as approved,
            count(*) filter (where state = 'denied') as denied,
            count(*) filter (where state = 'expired') as expired,
            count(*) filter (where state = 'cancelled') as cancelled,
            percentile_cont(0.5) within group (order by seconds) filter (where answered) as "medianSeconds",
            (count(*) filter (where answered and seconds <= ${quickSeconds}))::float8
              / nullif(count(*) filter (where answered), 0) as "quickShare"
          from (select *, extract(epoch from decided_at - requested_at)::float8 as seconds,
              state in ('approved', 'redeemed', 'denied') and decided_at is not null as answered
            from approvals where requested_at >= ${new Date(from)}) a
          group by agent, tool, action, rule_digest, queue
          order by requested desc, agent, call limit 1000`.execute(trx);
        return rows;
      }),
  };
}
