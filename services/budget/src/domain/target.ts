import type { BudgetUnit, BudgetWindow, PolicyContent } from "@aegis/policy/ir";
import { limitsOf, type SoftThresholds, softThresholds, strictest } from "@aegis/policy/limits";
import { windowAt } from "./window.ts";

/** One account of one tenant. */
export interface Account {
  readonly tenant: string;
  readonly scope: string;
  readonly unit: BudgetUnit;
  readonly window: BudgetWindow;
}

/** An account in one window, and what the tenant's policies allow in it. Times in milliseconds since the epoch. */
export interface Target extends Account {
  readonly windowStart: number;
  readonly windowEnd: number | undefined;
  /** Undefined: no policy bounds it; a person may. */
  readonly policyLimit: number | undefined;
  readonly soft: SoftThresholds;
}

/** Finds an account's present window and limit. */
export function targetOf(content: PolicyContent, account: Account, now: number): Target {
  const limit = strictest(content, account);
  const { start, end } = windowAt(account.window, now, limit?.timeZone ?? timeZoneOf(content));
  return { ...account, windowStart: start, windowEnd: end, policyLimit: limit?.limit, soft: softThresholds(content, account) };
}

/** Where a tenant's days begin. */
export const timeZoneOf = (content: PolicyContent): string => limitsOf(content)[0]?.timeZone ?? "UTC";

/** The lowest limit wins; undefined when nobody set one. */
export function lowest(policyLimit: number | undefined, set: number | undefined): number | undefined {
  if (policyLimit === undefined || set === undefined) return policyLimit ?? set;
  return Math.min(policyLimit, set);
}
