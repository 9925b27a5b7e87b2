import type { BudgetUnit, BudgetWindow } from "@aegis/policy/ir";
import type { Database } from "@aegis/postgres/connect";
import { asService, inTenant } from "@aegis/postgres/tenant";
import { sql } from "kysely";
import { givenBack, type Lease } from "#domain/lease.ts";
import type { Holder, LeaseStore } from "#usecases/ports.ts";
import { type AccountKey, debitLease, factsOf, matches, move, passGate, type Tables, type Trx } from "./accounts.ts";
import type { Announcer } from "./events.ts";
import { boundsInForce } from "./limit-store.ts";

/** Leases in PostgreSQL: pre-debited, so that what is in a holder's hands is gone for all others. */
export function leaseStore(db: Database<Tables>, announce: Announcer): LeaseStore {
  return {
    lease: (target, { id, holder, need, want, now, expiresAt }) =>
      inTenant(db, target.tenant, async (trx) => {
        if (!(await isAlive(trx, holder, now))) return { kind: "fenced" };
        const bounds = await boundsInForce(trx, target);
        if (bounds === undefined) return { kind: "unlimited" };
        const { limit } = bounds;
        let row = await debitLease(trx, target, bounds, { need, want });
        let granted = row.last_grant;
        if (granted === 0) {
          const outstanding = await heldByOthers(trx, target, holder, now);
          // Units that others hold may come back below the threshold, where nobody has to wait.
          const gated =
            outstanding > 0 && bounds.gate === "throttle" ? undefined : await passGate(trx, target, bounds, "leased", need, now);
          if (gated === undefined || !("passed" in gated)) {
            await announce.refused(trx, target, { ...row, limit_units: limit }, need);
            return { kind: "granted", granted, outstanding, ...gated, ...factsOf(row, limit) };
          }
          [row, granted] = [{ ...gated.passed, last_grant: need }, need];
        }
        await sql`
          insert into leases (id, tenant, scope, unit, window_kind, window_start, producer, epoch, granted, granted_at, expires_at)
          values (${id}, ${target.tenant}, ${target.scope}, ${target.unit}, ${target.window}, ${new Date(target.windowStart)},
            ${holder.producer}, ${holder.epoch}, ${granted}, ${new Date(now)}, ${new Date(expiresAt)})`.execute(trx);
        return { kind: "granted", granted, outstanding: 0, ...factsOf(row, limit) };
      }),

    async giveBack(id, producer, spent, now) {
      const tenant = await asService(db, async (trx) => {
        const found = await sql<{ tenant: string }>`select tenant from leases where id = ${id} and producer = ${producer}`.execute(trx);
        return found.rows[0]?.tenant;
      });
      if (tenant === undefined) return false;
      return inTenant(db, tenant, async (trx) => {
        const lease = (await lockLeases(trx, [id]))[0];
        if (lease === undefined) return false;
        if (lease.spent !== undefined) return true;
        const back = givenBack(lease, spent);
        const used = Math.min(lease.granted, Math.max(spent, lease.attributed));
        await sql`update leases set spent = ${used}, closed_at = ${new Date(now)} where id = ${id}`.execute(trx);
        await move(trx, [{ key: lease.key, by: { leased: -back, reserved: 0, settled: 0, overrun: 0 } }]);
        return true;
      });
    },

    alive: (holder, now) => asService(db, (trx) => isAlive(trx, holder, now)),

    heard: (producers) =>
      asService(db, async (trx) => {
        for (const { id, epoch, until } of producers) {
          // A holder names itself by its producer and epoch; only the epoch's spelling is common to leases and events.
          await sql`
            update epochs set heard_until = ${new Date(until)}
            where producer = ${id} and right(epoch, length(${epoch}::text)) = ${epoch}
              and (heard_until is null or heard_until < ${new Date(until)})`.execute(trx);
        }
      }),

    stranded: (before, limit) =>
      asService(db, async (trx) => {
        const { rows } = await sql<{ id: string; producer: string }>`
          select l.id, l.producer from leases l join epochs e on e.producer = l.producer and e.epoch = l.epoch
          where l.closed_at is null
            and (e.superseded_at < ${new Date(before)}
              or (l.expires_at < ${new Date(before)} and e.heard_until > l.expires_at + make_interval(secs => ${laterSeconds})))
          order by l.granted_at limit ${limit}`.execute(trx);
        return rows;
      }),
  };
}

/** Units of an account in the hands of other holders who live and may still spend them, as far as is known. */
async function heldByOthers(trx: Trx, key: AccountKey, holder: Holder, now: number): Promise<number> {
  const { rows } = await sql<{ units: number }>`
    select coalesce(sum(granted - attributed), 0)::bigint as units from leases l
    where ${matches(key)} and closed_at is null and expires_at > ${new Date(now)} and producer <> ${holder.producer}
      and exists (select 1 from epochs e where e.producer = l.producer and e.epoch = l.epoch and e.superseded_at is null)`.execute(trx);
  return rows[0]?.units ?? 0;
}

/** A publisher may swap events that are this close together. */
const laterSeconds = 5;

export interface LockedLease extends Lease {
  readonly id: string;
  readonly key: AccountKey;
}

/** Locks leases until the transaction ends, in the order of their ids. */
export async function lockLeases(trx: Trx, ids: readonly string[]): Promise<LockedLease[]> {
  const { rows } = await sql<{
    id: string;
    tenant: string;
    scope: string;
    unit: BudgetUnit;
    window_kind: BudgetWindow;
    window_start: Date;
    granted: number;
    attributed: number;
    spent: number | null;
  }>`
    select id, tenant, scope, unit, window_kind, window_start, granted, attributed, spent from leases
    where id = any(${ids}::uuid[]) order by id for update`.execute(trx);
  return rows.map((row) => ({
    id: row.id,
    granted: row.granted,
    attributed: row.attributed,
    spent: row.spent ?? undefined,
    key: { tenant: row.tenant, scope: row.scope, unit: row.unit, window: row.window_kind, windowStart: row.window_start.getTime() },
  }));
}

/** Fencing: the first word of a new life ends all earlier ones of the same producer, for good. */
async function isAlive(trx: Trx, { producer, epoch }: Holder, now: number): Promise<boolean> {
  const known = await lookUp(trx, producer, epoch);
  if (known !== undefined) return known;
  await sql`select pg_advisory_xact_lock(hashtext(${`epoch ${producer}`}))`.execute(trx);
  const meanwhile = await lookUp(trx, producer, epoch);
  if (meanwhile !== undefined) return meanwhile;
  await sql`update epochs set superseded_at = ${new Date(now)} where producer = ${producer} and superseded_at is null`.execute(trx);
  await sql`insert into epochs (producer, epoch, first_seen) values (${producer}, ${epoch}, ${new Date(now)})`.execute(trx);
  return true;
}

async function lookUp(trx: Trx, producer: string, epoch: string): Promise<boolean | undefined> {
  const { rows } = await sql<{ alive: boolean }>`
    select superseded_at is null as alive from epochs where producer = ${producer} and epoch = ${epoch}`.execute(trx);
  return rows[0]?.alive;
}
