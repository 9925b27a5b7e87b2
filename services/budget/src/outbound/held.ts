import type { BudgetUnit, BudgetWindow } from "@aegis/policy/ir";
import { sql } from "kysely";
import type { Settlement } from "#domain/account.ts";
import type { Held } from "#domain/reservation.ts";
import { type AccountKey, type Moves, move, type Trx } from "./accounts.ts";
import type { Announcer } from "./events.ts";

/** A reservation that is not settled yet, locked. */
export interface HeldRow extends Held {
  readonly decisionId: string;
  readonly leaseId: string;
  /** No lease covered it: its units are in the account's overrun. */
  readonly owed: boolean;
  readonly key: AccountKey;
}

/** Locks what decisions hold, in a fixed order. */
export async function lockHeld(trx: Trx, decisionIds: readonly string[]): Promise<HeldRow[]> {
  const { rows } = await sql<{
    tenant: string;
    decision_id: string;
    scope: string;
    unit: BudgetUnit;
    window_kind: BudgetWindow;
    window_start: Date;
    lease_id: string;
    owed: boolean;
    units: number;
  }>`
    select tenant, decision_id, scope, unit, window_kind, window_start, lease_id, owed, units from reservations
    where decision_id = any(${decisionIds}::uuid[]) and state = 'reserved'
    order by tenant, decision_id, scope, unit, window_kind, lease_id, owed for update`.execute(trx);
  return rows.map((row) => ({
    decisionId: row.decision_id,
    leaseId: row.lease_id,
    owed: row.owed,
    scope: row.scope,
    unit: row.unit,
    window: row.window_kind,
    units: row.units,
    key: { tenant: row.tenant, scope: row.scope, unit: row.unit, window: row.window_kind, windowStart: row.window_start.getTime() },
  }));
}

/** Ends locked reservations, and says where their units move. */
export async function conclude(
  trx: Trx,
  ended: readonly { readonly held: HeldRow; readonly settlement: Settlement }[],
  state: "settled" | "released",
  moves: Moves,
): Promise<void> {
  if (ended.length === 0) return;
  await sql`
    update reservations r set state = ${state}, settled = e.settled
    from unnest(${ended.map((one) => one.held.key.tenant)}::text[], ${ended.map((one) => one.held.decisionId)}::uuid[],
      ${ended.map((one) => one.held.scope)}::text[], ${ended.map((one) => one.held.unit)}::text[],
      ${ended.map((one) => one.held.window)}::text[], ${ended.map((one) => one.held.leaseId)}::uuid[],
      ${ended.map((one) => one.held.owed)}::boolean[], ${ended.map((one) => one.settlement.settled)}::bigint[])
      as e (tenant, decision_id, scope, unit, window_kind, lease_id, owed, settled)
    where r.tenant = e.tenant and r.decision_id = e.decision_id and r.scope = e.scope and r.unit = e.unit
      and r.window_kind = e.window_kind and r.lease_id = e.lease_id and r.owed = e.owed and r.state = 'reserved'`.execute(trx);
  for (const { held, settlement } of ended) {
    const { settled, released, overrun } = settlement;
    if (held.owed) moves.add(held.key, { overrun: overrun - released });
    else moves.add(held.key, { reserved: -held.units, settled, overrun });
  }
}

/** Moves units, once all other rows of the transaction are locked, and tells people what they should know. */
export async function moveAll(trx: Trx, announce: Announcer, moves: Moves): Promise<void> {
  for (const { key, row } of await move(trx, moves)) await announce.spent(trx, key, row);
}
