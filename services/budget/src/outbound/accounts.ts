import { type RawBuilder, sql, type Transaction } from "kysely";
import { type Balance, paceMs, remaining, scarceShare } from "#domain/account.ts";
import type { Target } from "#domain/target.ts";
import type { Facts } from "#usecases/ports.ts";

/** No table is typed here: every statement is SQL, and says what it returns. */
export type Tables = Record<never, never>;
export type Trx = Transaction<Tables>;

/** An account in one window. */
export type AccountKey = Pick<Target, "tenant" | "scope" | "unit" | "window" | "windowStart">;

/** What bounds an account. */
export interface Bounds {
  readonly limit: number;
  /** Units that are there without anybody's leave: the limit, or the threshold below it that `gate` guards. */
  readonly open: number;
  /** From where on people are told; absent: the usual share of the limit. */
  readonly notify?: number;
  readonly gate?: "throttle" | "approval_needed";
}

export interface BalanceRow extends Balance {
  limit_units: number;
  notify_units: number | null;
  threshold_told: number | null;
  exhausted_told: number | null;
}

export const balanceColumns = sql.raw("leased, reserved, settled, overrun, limit_units, notify_units, threshold_told, exhausted_told");

export const matches = (key: AccountKey): RawBuilder<boolean> =>
  sql`tenant = ${key.tenant} and scope = ${key.scope} and unit = ${key.unit} and window_kind = ${key.window}
    and window_start = ${new Date(key.windowStart)}`;

const bounded = ({ limit, notify }: Bounds) => sql`limit_units = ${limit}, ceiling = ${limit}, notify_units = ${notify ?? null}`;

const rest = (limit: number) => sql`(${limit}::bigint - leased - reserved - settled - overrun)`;

/** Reserves units by one conditional update; undefined when they are not there. */
export function debit(trx: Trx, key: AccountKey, bounds: Bounds, units: number): Promise<BalanceRow | undefined> {
  return granting<BalanceRow>(
    trx,
    key,
    bounds.limit,
    () => sql`
      update accounts set reserved = reserved + ${units}, ${bounded(bounds)}
      where ${matches(key)} and ${rest(bounds.open)} >= ${units}
      returning ${balanceColumns}`,
  );
}

/** What a gate says to units that the limit would allow. */
export type Gated =
  | { readonly passed: BalanceRow }
  | { readonly softAction: "throttle" | "approval_needed"; readonly retryAfterMs?: number };

/**
 * Tries units that are past the threshold but within the limit: a throttled account gives them when its pace allows. Undefined when
 * nothing guards them, or the limit itself does not hold them.
 */
export async function passGate(
  trx: Trx,
  target: Target,
  bounds: Bounds,
  place: "leased" | "reserved",
  units: number,
  now: number,
): Promise<Gated | undefined> {
  if (bounds.gate === undefined) return undefined;
  await ensure(trx, target, bounds.limit);
  const row = await readLocked(trx, target);
  const left = remaining(row, bounds.limit);
  if (left < units) return undefined;
  if (bounds.gate === "approval_needed") return { softAction: bounds.gate };
  const wait = row.paced_until === null ? 0 : row.paced_until.getTime() - now;
  if (wait > 0) return { softAction: "throttle", retryAfterMs: wait };
  const next = now + paceMs(left, units, target.windowEnd === undefined ? undefined : target.windowEnd - now);
  const column = sql.ref(place);
  const { rows } = await sql<BalanceRow>`
    update accounts set ${column} = ${column} + ${units}, ${bounded(bounds)}, paced_until = ${new Date(next)}
    where ${matches(target)} returning ${balanceColumns}`.execute(trx);
  return { passed: rows[0] as BalanceRow };
}

/**
 * Leases by one conditional update as `grantable` says. When nothing remains, the account stays as it is until the transaction ends:
 * units may come back between one statement and the next, and what is said to be gone must have been gone all at one time.
 */
export async function debitLease(
  trx: Trx,
  key: AccountKey,
  bounds: Bounds,
  ask: { readonly need: number; readonly want: number },
): Promise<BalanceRow & { readonly last_grant: number }> {
  const { limit, open } = bounds;
  const want = Math.max(ask.need, ask.want);
  const grant = sql`least(case when ${rest(open)} * ${scarceShare} <= ${open}::bigint then ${ask.need}::bigint else ${want}::bigint end, ${rest(open)})`;
  const update = async () => {
    const { rows } = await sql<BalanceRow & { last_grant: number }>`
      update accounts set leased = leased + ${grant}, last_grant = ${grant}, ${bounded(bounds)}
      where ${matches(key)} and ${rest(open)} > 0
      returning ${balanceColumns}, last_grant`.execute(trx);
    return rows[0];
  };
  const first = await update();
  if (first !== undefined) return first;
  await ensure(trx, key, limit);
  const row = await readLocked(trx, key);
  return (remaining(row, open) > 0 ? await update() : undefined) ?? { ...row, last_grant: 0 };
}

/** Adds what was spent without being asked for: up to the limit as settled, the rest as owed. */
export async function spend(trx: Trx, key: AccountKey, bounds: Bounds, units: number): Promise<BalanceRow> {
  const { limit, notify } = bounds;
  const fits = sql`least(${units}::bigint, greatest(0, ${rest(limit)}))`;
  await ensure(trx, key, limit);
  const { rows } = await sql<BalanceRow>`
    update accounts set settled = settled + ${fits}, overrun = overrun + ${units} - ${fits}, limit_units = ${limit},
      notify_units = ${notify ?? null}, ceiling = greatest(${limit}, leased + reserved + settled)
    where ${matches(key)} returning ${balanceColumns}`.execute(trx);
  return rows[0] as BalanceRow;
}

/** What moves between the places of one account; never more than was granted. */
export type Move = { -readonly [K in keyof Balance]: number };

/** Moves units within accounts, always in the same order, so that two transactions never wait for each other. */
export async function move(
  trx: Trx,
  moves: Iterable<{ readonly key: AccountKey; readonly by: Move }>,
): Promise<{ key: AccountKey; row: BalanceRow }[]> {
  const moved: { key: AccountKey; row: BalanceRow }[] = [];
  for (const { key, by } of [...moves].sort((a, b) => compareKeys(a.key, b.key))) {
    const { rows } = await sql<BalanceRow>`
      update accounts set leased = leased + ${by.leased}, reserved = reserved + ${by.reserved}, settled = settled + ${by.settled},
        overrun = overrun + ${by.overrun}
      where ${matches(key)} returning ${balanceColumns}`.execute(trx);
    if (rows[0] !== undefined) moved.push({ key, row: rows[0] });
  }
  return moved;
}

/** Collects moves per account. */
export class Moves {
  readonly #moves = new Map<string, { key: AccountKey; by: Move }>();

  add(key: AccountKey, by: Partial<Move>): void {
    const name = nameOf(key);
    let entry = this.#moves.get(name);
    if (entry === undefined) {
      entry = { key, by: { leased: 0, reserved: 0, settled: 0, overrun: 0 } };
      this.#moves.set(name, entry);
    }
    for (const place of ["leased", "reserved", "settled", "overrun"] as const) entry.by[place] += by[place] ?? 0;
  }

  [Symbol.iterator]() {
    return this.#moves.values();
  }
}

export async function read(trx: Trx, key: AccountKey): Promise<BalanceRow | undefined> {
  const { rows } = await sql<BalanceRow>`select ${balanceColumns} from accounts where ${matches(key)}`.execute(trx);
  return rows[0];
}

/**
 * Reads an account and keeps it as it is until the transaction ends. No stronger than an update of it: rows that refer to it are
 * inserted before it is updated elsewhere, and a lock of the whole row would wait for those while they wait for it.
 */
async function readLocked(trx: Trx, key: AccountKey): Promise<BalanceRow & { readonly paced_until: Date | null }> {
  const { rows } = await sql<
    BalanceRow & { paced_until: Date | null }
  >`select ${balanceColumns}, paced_until from accounts where ${matches(key)} for no key update`.execute(trx);
  return rows[0]!;
}

/** Makes the account's row when there is none. */
export async function ensure(trx: Trx, key: AccountKey, limit: number): Promise<void> {
  await sql`
    insert into accounts (tenant, scope, unit, window_kind, window_start, limit_units, ceiling)
    values (${key.tenant}, ${key.scope}, ${key.unit}, ${key.window}, ${new Date(key.windowStart)}, ${limit}, ${limit})
    on conflict do nothing`.execute(trx);
}

export const compareKeys = (a: AccountKey, b: AccountKey): number => (nameOf(a) < nameOf(b) ? -1 : nameOf(a) > nameOf(b) ? 1 : 0);

const nameOf = (key: AccountKey) => [key.tenant, key.scope, key.unit, key.window, key.windowStart].join("\n");

export const factsOf = (row: BalanceRow | undefined, limit: number): Facts => ({
  limit,
  balance: { leased: row?.leased ?? 0, reserved: row?.reserved ?? 0, settled: row?.settled ?? 0, overrun: row?.overrun ?? 0 },
});

/** Tries the update; when it matched nothing, the row may be missing: makes it and tries once more. */
async function granting<R>(trx: Trx, key: AccountKey, limit: number, update: () => RawBuilder<unknown>): Promise<R | undefined> {
  const first = await update().execute(trx);
  if (first.rows.length > 0) return first.rows[0] as R;
  await ensure(trx, key, limit);
  return (await update().execute(trx)).rows[0] as R | undefined;
}
