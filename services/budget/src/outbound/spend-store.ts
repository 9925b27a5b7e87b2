import type { Database } from "@aegis/postgres/connect";
import { inTenant } from "@aegis/postgres/tenant";
import { sql } from "kysely";
import type { SpendStore, spendKeys } from "#usecases/ports.ts";
import { compareKeys, spend, type Tables } from "./accounts.ts";
import type { Announcer } from "./events.ts";
import { inOrganisations } from "./in-organisations.ts";
import { boundsInForce } from "./limit-store.ts";

/** What was spent: by decisions, and as reported from elsewhere. */
export function spendStore(db: Database<Tables>, announce: Announcer): SpendStore {
  return {
    use: (tenant, usage, amounts, now) =>
      inOrganisations(
        db,
        tenant,
        amounts.map(({ target }) => target.tenant),
        async (trx) => {
          const first = await sql`
          insert into usages (tenant, usage_id, agent, prompt_id, tokens, micro_usd, reported_at, currency, micro)
          values (${tenant}, ${usage.id}, ${usage.agent}, ${usage.promptId}, ${usage.tokens}, ${usage.microUsd}, ${new Date(now)},
            ${usage.money?.currency ?? null}, ${usage.money?.micro ?? null})
          on conflict do nothing returning 1`.execute(trx);
          if (first.rows.length === 0) return false;
          for (const { target, units } of [...amounts].sort((a, b) => compareKeys(a.target, b.target))) {
            const limit = await boundsInForce(trx, target);
            if (limit !== undefined) await announce.spent(trx, target, await spend(trx, target, limit, units));
          }
          return true;
        },
      ),

    report: (tenant, by, since) =>
      inTenant(db, tenant, async (trx) => {
        const { rows } = await sql<Sums & { key: string }>`
          select key, ${sums} from (select ${keyOf(by)} as key, ${parts} from (${spentSince(tenant, since)}) as spent group by 1, currency)
          as parts group by 1 order by 2 desc, 1 limit 1000`.execute(trx);
        return rows.map((row) => ({ key: row.key, ...numbers(row) }));
      }),

    series: (tenant, by, since, { per, timeZone }) =>
      inTenant(db, tenant, async (trx) => {
        const { rows } = await sql<Sums & { key: string; from: Date }>`
          select "from", key, ${sums} from (select date_trunc(${per}, at, ${timeZone}) as "from", ${keyOf(by)} as key, ${parts}
          from (${spentSince(tenant, since)}) as spent group by 1, 2, currency) as parts group by 1, 2 order by 1, 3 desc, 2 limit 10000`.execute(
          trx,
        );
        return rows.map((row) => ({ from: row.from.getTime(), key: row.key, ...numbers(row) }));
      }),

    tree: (tenant, promptId) =>
      inTenant(db, tenant, async (trx) => {
        const { rows } = await sql<Sums & { chain: string[] }>`
          select chain, ${sums} from (select chain, ${parts} from (${spentSince(tenant, 0)}) as spent where prompt_id = ${promptId}
          group by 1, currency) as parts group by 1 order by 1 limit 1000`.execute(trx);
        return rows.map((row) => ({ chain: row.chain.toReversed(), ...numbers(row) }));
      }),
  };
}

interface Sums {
  micro_usd: string;
  tokens: string;
  actions: string;
  currencies: Record<string, number> | null;
}

const added = "sum(micro_usd) as micro_usd, sum(tokens) as tokens, sum(actions) as actions";
/** Of each currency by itself, US dollars being none. */
const parts = sql.raw(`currency, ${added}, sum(micro) as micro`);
/** Of all currencies together. */
const sums = sql.raw(`${added}, jsonb_object_agg(currency, micro) filter (where currency is not null) as currencies`);

const numbers = (row: Sums) => ({
  microUsd: Number(row.micro_usd),
  tokens: Number(row.tokens),
  actions: Number(row.actions),
  ...(row.currencies !== null && { currencies: row.currencies }),
});

const keyOf = (by: (typeof spendKeys)[number]) => sql.ref({ agent: "agent", tool: "tool", tenant: "tenant", prompt: "prompt_id" }[by]);

/** Calls that went ahead, at what they really cost where that is known, and usage reported from elsewhere. */
const spentSince = (tenant: string, since: number) => sql`
  select tenant, agent, tool, prompt_id, decided_at as at, coalesce(chain, array[agent]) as chain,
    coalesce(actual_micro_usd, micro_usd) as micro_usd, coalesce(actual_tokens, tokens) as tokens, 1 as actions,
    case when actual_micro_usd is null then currency else actual_currency end as currency,
    case when actual_micro_usd is null then micro else actual_micro end as micro
  from decisions
  where tenant = ${tenant} and decided_at >= ${new Date(since)} and coalesce(outcome, 'executed') = 'executed'
  union all
  select tenant, agent, '' as tool, prompt_id, reported_at as at, array[agent] as chain, micro_usd, tokens, 0 as actions, currency, micro
  from usages where tenant = ${tenant} and reported_at >= ${new Date(since)}`;
