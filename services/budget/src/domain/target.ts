import { AegisError } from "@aegis/contracts/errors";
import type { BudgetUnit, BudgetWindow, PolicyContent } from "@aegis/policy/ir";
import { accounts, limitsOf, organisationIn, type SoftThresholds, softThresholds, strictest } from "@aegis/policy/limits";
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

/** Finds an account's present window and limit, from the policies of the tenant whose account it is. */
export function targetOf(content: PolicyContent, account: Account, now: number): Target {
  const limit = strictest(content, account);
  const { start, end } = windowAt(account.window, now, limit?.timeZone ?? timeZoneOf(content));
  return { ...account, windowStart: start, windowEnd: end, policyLimit: limit?.limit, soft: softThresholds(content, account) };
}

/** Where a tenant's days begin. */
export const timeZoneOf = (content: PolicyContent): string =>
  (limitsOf(content)[0] ?? content.policies.governance.organisation?.limits[0])?.timeZone ?? "UTC";

/**
 * Whose account it is that a tenant's call names: its own, or its organisation's, which only a member's call may name.
 *
 * @throws AegisError `unavailable` while the owner's policies are not known; `permission_denied` for an organisation that does not list
 * the tenant.
 */
export function ownerOf(
  of: (tenant: string) => PolicyContent,
  account: Account,
): { readonly content: PolicyContent; readonly account: Account } {
  const organisation = organisationIn(account.scope);
  if (organisation === undefined) return { content: of(account.tenant), account };
  const content = of(organisation);
  if (!content.policies.governance.organisation?.members.includes(account.tenant))
    throw new AegisError("permission_denied", `${organisation} does not list ${account.tenant} as a member`);
  return { content, account: { ...account, tenant: organisation, scope: accounts.organisation } };
}

/** The lowest limit wins; undefined when nobody set one. */
export function lowest(policyLimit: number | undefined, set: number | undefined): number | undefined {
  if (policyLimit === undefined || set === undefined) return policyLimit ?? set;
  return Math.min(policyLimit, set);
}
