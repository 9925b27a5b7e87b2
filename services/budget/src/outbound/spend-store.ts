import type { Database } from "@aegis/postgres/connect";
import { inTenant } from "@aegis/postgres/tenant";
import { sql } from "kysely";
import type { SpendStore } from "#usecases/ports.ts";
import { compareKeys, spend, type Tables } from "./accounts.ts";
import type { Announcer } from "./events.ts";
import { boundsInForce } from "./limit-store.ts";

/** What was spent: by decisions, and as reported from elsewhere. */
export function spendStore(db: Database<Tables>, announce: Announcer): SpendStore {
  return {
    use: (tenant, usage, amounts, now) =>
      inTenant(db, tenant, async (trx) => {
        const first = await sql`
          insert into usages (tenant, usage_id, agent, prompt_id, tokens, micro_usd, reported_at)
          values (${tenant}, ${usage.id}, ${usage.agent}, ${usage.promptId}, ${usage.tokens}, ${usage.microUsd}, ${new Date(now)})
          on conflict do nothing returning 1`.execute(trx);
        if (first.rows.length === 0) return false;
        for (const { target, units } of [...amounts].sort((a, b) => compareKeys(a.target, b.target))) {
          const limit = await boundsInForce(trx, target);
          if (limit !== undefined) await announce.spent(trx, target, await spend(trx, target, limit, units));
        }
        return true;
      }),

    report: (tenant, by, since) =>
      inTenant(db, tenant, async (trx) => {
        const key = sql.ref({ agent: "agent", tool: "tool", tenant: "tenant", prompt: "prompt_id" }[by]);
        const { rows } = await sql<{ key: string; micro_usd: string; tokens: string; actions: string }>`
          select ${key} as key, sum(micro_usd) as micro_usd, sum(tokens) as tokens, sum(actions) as actions from (
            select tenant, agent, tool, prompt_id, coalesce(actual_micro_usd, micro_usd) as micro_usd,
              coalesce(actual_tokens, tokens) as tokens, 1 as actions
            from decisions
            where tenant = ${tenant} and decided_at >= ${new Date(since)} and coalesce(outcome, 'executed') = 'executed'
            union all
            select tenant, agent, '' as tool, prompt_id, micro_usd, tokens, 0 as actions
            from usages where tenant = ${tenant} and reported_at >= ${new Date(since)}
          ) as spent
          group by 1 order by 2 desc, 1 limit 1000`.execute(trx);
        return rows.map((row) => ({
          key: row.key,
          microUsd: Number(row.micro_usd),
          tokens: Number(row.tokens),
          actions: Number(row.actions),
        }));
      }),
  };
}
