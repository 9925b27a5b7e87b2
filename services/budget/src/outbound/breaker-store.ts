import { accounts } from "@aegis/policy/limits";
import type { Database } from "@aegis/postgres/connect";
import { asService, inTenant } from "@aegis/postgres/tenant";
import { sql } from "kysely";
import { ask, type Breaker, closedSince, observe, type Passage, reset, resettableAt, trip } from "#domain/breaker.ts";
import type { BreakerStore, CallSignal } from "#usecases/ports.ts";
import type { Tables, Trx } from "./accounts.ts";
import type { BreakerBoard } from "./breaker-board.ts";
import type { Announcer } from "./events.ts";

interface Row {
  scope: string;
  breaker: Breaker;
}

/** Breakers in PostgreSQL: one row each, locked in the order of their scopes while it changes. */
export function breakerStore(db: Database<Tables>, announce: Announcer, board: BreakerBoard): BreakerStore {
  /** Keeps what became of locked breakers; people are told when one opened by what was seen, or closed. */
  const keep = async (trx: Trx, tenant: string, rows: readonly (Row & { next: Breaker })[], now: number, by = "probe") => {
    const changed = rows.filter(({ breaker, next }) => next !== breaker);
    if (changed.length === 0) return [];
    await sql`
      update breakers b set book = e.book, state = e.state, touched_at = ${new Date(now)},
        version = version + case when b.state <> e.state then 1 else 0 end
      from unnest(${changed.map(({ scope }) => scope)}::text[], ${changed.map(({ next }) => JSON.stringify(next))}::jsonb[],
        ${changed.map(({ next }) => next.state)}::text[]) as e (scope, book, state)
      where b.tenant = ${tenant} and b.scope = e.scope`.execute(trx);
    const changes = changed.filter(({ breaker, next }) => breaker.state !== next.state);
    for (const { scope, breaker, next } of changes) {
      if (breaker.state === "closed" && next.state === "open") await announce.tripped(trx, tenant, scope, next);
      if (next.state === "closed") await announce.reset(trx, tenant, scope, by);
    }
    return changes.map(({ scope, next }) => ({ scope, state: next.state, cause: next.cause }));
  };

  const tell = (tenant: string, scope: string) =>
    inTenant(db, tenant, async (trx) => {
      // Under the row's lock, so that what was told last is what is newest.
      const { rows } = await sql<{ book: Breaker; version: number }>`
        select book, version from breakers where tenant = ${tenant} and scope = ${scope} and told < version for update`.execute(trx);
      const [row] = rows;
      if (row === undefined) return;
      await board.put(tenant, scope, row.book);
      await sql`update breakers set told = ${row.version} where tenant = ${tenant} and scope = ${scope}`.execute(trx);
    });

  return {
    async observe(tenant, rule, signals, now) {
      if (signals.length === 0) return [];
      const changes = await inTenant(db, tenant, async (trx) => {
        const byScope = Map.groupBy(await scoped(trx, tenant, signals), ({ scope }) => scope);
        const rows = await lock(trx, tenant, [...byScope.keys()], now);
        const seen = rows.map((row) => ({
          ...row,
          next: byScope.get(row.scope)!.reduce((breaker, { signal }) => observe(breaker, rule, signal, now), row.breaker),
        }));
        return keep(trx, tenant, seen, now);
      });
      for (const { scope } of changes) await tell(tenant, scope);
      return changes;
    },

    async trip(tenant, scope, rule, cause, now) {
      const changes = await inTenant(db, tenant, async (trx) => {
        const rows = await lock(trx, tenant, [scope], now);
        return keep(
          trx,
          tenant,
          rows.map((row) => ({ ...row, next: trip(row.breaker, rule, cause, now) })),
          now,
        );
      });
      for (const change of changes) await tell(tenant, change.scope);
      return changes;
    },

    async ask(tenant, scopes, decisionId, now) {
      const { passage, changes } = await inTenant(db, tenant, async (trx) => {
        const rows = await existing(trx, tenant, scopes);
        const asked = rows.map((row) => ({ row, ...ask(row.breaker, decisionId, now) }));
        const refused = asked.find((one) => !one.passage.passes);
        if (refused !== undefined) return { passage: refused.passage, changes: [] };
        const kept = asked.map(({ row, breaker }) => ({ ...row, next: breaker }));
        return { passage: { passes: true } as Passage, changes: await keep(trx, tenant, kept, now) };
      });
      for (const { scope } of changes) await tell(tenant, scope);
      return passage;
    },

    async reset(tenant, scope, by, now) {
      const answer = await inTenant(db, tenant, async (trx) => {
        const [row] = await existing(trx, tenant, [scope]);
        if (row === undefined || row.breaker.state === "closed") return { reset: false } as const;
        const next = reset(row.breaker, now);
        if (next === undefined) return { reset: false, retryAfterMs: resettableAt(row.breaker, now) - now } as const;
        await keep(trx, tenant, [{ ...row, next }], now, by);
        return { reset: true } as const;
      });
      if (answer.reset) await tell(tenant, scope);
      return answer;
    },

    list: (tenant) =>
      inTenant(db, tenant, async (trx) => {
        const { rows } = await sql<{ scope: string; book: Breaker }>`
          select scope, book from breakers where tenant = ${tenant} and state <> 'closed' order by scope limit 1000`.execute(trx);
        return rows.map(({ scope, book }) => ({ scope, breaker: book }));
      }),

    find: (tenant, scopes) =>
      inTenant(db, tenant, async (trx) => {
        const { rows } = await sql<{ scope: string; book: Breaker }>`
          select scope, book from breakers where tenant = ${tenant} and scope = any(${scopes}) and state <> 'closed' order by scope`.execute(
          trx,
        );
        return rows.map(({ scope, book }) => ({ scope, breaker: book }));
      }),

    async tellUntold() {
      const { rows } = await asService(db, (trx) =>
        sql<{ tenant: string; scope: string }>`select tenant, scope from breakers where told < version limit 200`.execute(trx),
      );
      for (const { tenant, scope } of rows) await tell(tenant, scope);
    },

    async forgetIdle(before) {
      const { rows } = await asService(db, (trx) =>
        sql<{ tenant: string; scope: string }>`
          select tenant, scope from breakers where state = 'closed' and touched_at < ${new Date(before)} limit 200`.execute(trx),
      );
      for (const [tenant, idle] of Map.groupBy(rows, (row) => row.tenant)) {
        await inTenant(db, tenant, (trx) =>
          sql`delete from breakers where tenant = ${tenant} and scope = any(${idle.map(({ scope }) => scope)})
            and state = 'closed' and told = version and touched_at < ${new Date(before)}`.execute(trx),
        );
      }
    },
  };
}

/** Each signal under its agent, and under its prompt where it has one; an outcome's prompt is that of its decision. */
async function scoped(trx: Trx, tenant: string, signals: readonly CallSignal[]): Promise<{ scope: string; signal: CallSignal }[]> {
  const unknown = signals.filter(({ promptId }) => promptId === undefined).map(({ decisionId }) => decisionId);
  const prompts = new Map<string, string>();
  if (unknown.length > 0) {
    const { rows } = await sql<{ decision_id: string; prompt_id: string | null }>`
      select decision_id, prompt_id from decisions where tenant = ${tenant} and decision_id = any(${unknown}::uuid[])`.execute(trx);
    for (const row of rows) prompts.set(row.decision_id, row.prompt_id ?? "");
  }
  return signals.flatMap((signal) => {
    const prompt = signal.promptId ?? prompts.get(signal.decisionId) ?? "";
    const own = { scope: accounts.agent(signal.agent), signal };
    return prompt === "" ? [own] : [own, { scope: accounts.prompt(prompt), signal }];
  });
}

async function lock(trx: Trx, tenant: string, scopes: readonly string[], now: number): Promise<Row[]> {
  const fresh = scopes.map((scope) => JSON.stringify(closedSince(0, scope.startsWith("prompt/") ? "prompt" : "agent")));
  await sql`
    insert into breakers (tenant, scope, state, book, touched_at)
    select ${tenant}, e.scope, 'closed', e.book, ${new Date(now)} from unnest(${scopes}::text[], ${fresh}::jsonb[]) as e (scope, book)
    order by e.scope on conflict do nothing`.execute(trx);
  return existing(trx, tenant, scopes);
}

async function existing(trx: Trx, tenant: string, scopes: readonly string[]): Promise<Row[]> {
  const { rows } = await sql<{ scope: string; book: Breaker }>`
    select scope, book from breakers where tenant = ${tenant} and scope = any(${scopes}) order by scope for update`.execute(trx);
  return rows.map(({ scope, book }) => ({ scope, breaker: book }));
}
