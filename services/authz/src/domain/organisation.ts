import type { Reason } from "@aegis/contracts/reasons";
import { organisationCharges } from "@aegis/policy/charges";
import type { Charge, Verdict } from "@aegis/policy/input";
import { inRatesOf } from "@aegis/policy/money";
import type { ActivePolicy } from "./policies.ts";

/**
 * What a call is charged to the tenant's organisation, by the organisation's own policy; a reason when it is not known here, or does not
 * know the tenant: a ceiling that cannot be found out holds.
 */
export function chargedToOrganisation(
  tenant: string,
  { snapshot }: ActivePolicy,
  policyOf: (tenant: string) => ActivePolicy | undefined,
  cost: Verdict["cost"],
): readonly Charge[] | Reason {
  const { memberOf, rule } = snapshot.governance;
  if (memberOf === undefined) return [];
  const organisation = policyOf(memberOf)?.snapshot.governance.organisation;
  if (organisation?.members.includes(tenant)) {
    const own = inRatesOf(policyOf(memberOf)?.snapshot.governance.exchangeRates, cost);
    if (typeof own !== "string") return organisationCharges(memberOf, organisation.limits, own);
    return { code: "budget_exhausted", message: `${memberOf}: ${own}`, ...(rule !== undefined && { rule }) };
  }
  const why = organisation === undefined ? `the budgets of ${memberOf} are not known` : `${memberOf} does not list this tenant as a member`;
  return { code: "budget_exhausted", message: why, ...(rule !== undefined && { rule }) };
}
