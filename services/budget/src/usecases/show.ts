import type { BudgetWindow } from "@aegis/policy/ir";
import { type Balance, remaining } from "#domain/account.ts";
import { concerns, type Interest, namedAccounts } from "#domain/scope.ts";
import { type Account, targetOf, timeZoneOf } from "#domain/target.ts";
import { windowAt } from "#domain/window.ts";
import type { Ports } from "./ports.ts";

/** One account in its present window, as people see it. */
export interface BudgetLine extends Pick<Account, "scope" | "unit" | "window"> {
  readonly windowStart: number;
  readonly windowEnd: number | undefined;
  readonly limit: number;
  /** Held for decisions or by authz. */
  readonly reserved: number;
  /** Spent, also beyond the limit. */
  readonly settled: number;
  readonly remaining: number;
}

const windowKinds: readonly BudgetWindow[] = ["hour", "day", "week", "month", "prompt", "session"];

const untouched: Balance = { leased: 0, reserved: 0, settled: 0, overrun: 0 };

/**
 * The budgets of a tenant, or of one agent or prompt in it, by scope: what policies and people bound, and what has been used of it.
 *
 * @throws AegisError `unavailable` while the tenant's limits are not known.
 */
export async function show(ports: Pick<Ports, "policies" | "limits" | "clock">, tenant: string, interest: Interest): Promise<BudgetLine[]> {
  const content = ports.policies.of(tenant);
  const now = ports.clock.now().getTime();
  const zone = timeZoneOf(content);
  const starts = windowKinds.map((window) => [window, windowAt(window, now, zone).start] as const);
  const [set, rows] = await Promise.all([ports.limits.list(tenant), ports.limits.accounts(tenant, starts)]);
  const setUnits = new Map(set.map((limit) => [keyOf(limit), limit.units]));
  const balances = new Map(rows.map((row) => [keyOf(row), row.balance]));
  const wanted = new Map<string, Pick<Account, "scope" | "unit" | "window">>();
  for (const account of [...namedAccounts(content, interest), ...set, ...rows]) {
    if (concerns(interest, account.scope)) wanted.set(keyOf(account), account);
  }
  const lines: BudgetLine[] = [];
  for (const [key, { scope, unit, window }] of wanted) {
    const target = targetOf(content, { tenant, scope, unit, window }, now);
    // A limit that people set and no policy names any more bounds nothing: it is not shown as if it did.
    if (target.policyLimit === undefined) continue;
    const limit = Math.min(target.policyLimit, setUnits.get(key) ?? target.policyLimit);
    const balance = balances.get(key) ?? untouched;
    lines.push({
      scope,
      unit,
      window,
      windowStart: target.windowStart,
      windowEnd: target.windowEnd,
      limit,
      reserved: balance.leased + balance.reserved,
      settled: balance.settled + balance.overrun,
      remaining: Math.max(0, remaining(balance, limit)),
    });
  }
  return lines.sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
}

const keyOf = (account: Pick<Account, "scope" | "unit" | "window">) => `${account.scope}\n${account.unit}\n${account.window}`;
