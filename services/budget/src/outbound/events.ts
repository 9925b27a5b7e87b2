import { type SubjectName, subject } from "@aegis/contracts/subjects";
import { outbox } from "@aegis/postgres/outbox";
import { currentTraceparent } from "@aegis/telemetry/trace";
import { sql } from "kysely";
import { v7 } from "uuid";
import { exhausted, overThreshold, spent, thresholdOf } from "#domain/account.ts";
import type { Breaker } from "#domain/breaker.ts";
import { type AccountKey, type BalanceRow, matches, type Trx } from "./accounts.ts";

/** Tells people that a budget runs low or out: once per window and limit, in the transaction that made it so. */
export interface Announcer {
  spent(trx: Trx, key: AccountKey, row: BalanceRow): Promise<void>;
  refused(trx: Trx, key: AccountKey, row: BalanceRow, need: number): Promise<void>;
  /** A breaker opened. */
  tripped(trx: Trx, tenant: string, scope: string, breaker: Breaker): Promise<void>;
  /** It closed, `by` a probe or a person. */
  reset(trx: Trx, tenant: string, scope: string, by: string): Promise<void>;
}

export function announcer(instance: string): Announcer {
  const tell = (trx: Trx, name: SubjectName, verb: string, tenant: string, data: object) => {
    const traceparent = currentTraceparent();
    return outbox(trx).add(subject(name, { tenant }), {
      specversion: "1.0",
      id: v7(),
      source: `aegis/budget/${instance}`,
      type: `dev.aegis.budget.${verb}.v1`,
      time: new Date().toISOString(),
      datacontenttype: "application/json",
      tenant,
      ...(traceparent === undefined ? {} : { traceparent }),
      data,
    } as { id: string });
  };
  const add = (trx: Trx, name: SubjectName, verb: string, { tenant, scope, unit, window }: AccountKey, row: BalanceRow, more: object) =>
    tell(trx, name, verb, tenant, { scope, unit, window, limit: row.limit_units, used: spent(row), ...more });
  return {
    async spent(trx, key, row) {
      const threshold = thresholdOf(row.limit_units, row.notify_units ?? undefined);
      if (row.threshold_told === row.limit_units || !overThreshold(row, threshold)) return;
      await sql`update accounts set threshold_told = limit_units where ${matches(key)}`.execute(trx);
      await add(trx, "budgetThreshold", "threshold", key, row, { percent: Math.round((threshold * 100) / Math.max(1, row.limit_units)) });
    },
    async refused(trx, key, row, need) {
      if (row.exhausted_told === row.limit_units || !exhausted(row, row.limit_units, need)) return;
      const told = await sql`update accounts set exhausted_told = limit_units
        where ${matches(key)} and exhausted_told is distinct from limit_units returning 1`.execute(trx);
      if (told.rows.length > 0) await add(trx, "budgetExhausted", "exhausted", key, row, {});
    },
    tripped: (trx, tenant, scope, { cause, until, since }) =>
      tell(trx, "budgetTripped", "tripped", tenant, { scope, cause, until: new Date(until ?? since).toISOString() }),
    reset: (trx, tenant, scope, by) => tell(trx, "budgetReset", "reset", tenant, { scope, by }),
  };
}
