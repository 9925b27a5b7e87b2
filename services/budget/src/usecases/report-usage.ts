import { AegisError } from "@aegis/contracts/errors";
import { organisationCharges } from "@aegis/policy/charges";
import type { Governance } from "@aegis/policy/ir";
import { inRatesOf, inUsDollars, unitsOf } from "@aegis/policy/money";
import type { Spending } from "#domain/reservation.ts";
import { accountsNamed, scopesOfUsage, type User } from "#domain/scope.ts";
import { ownerOf, type Target, targetOf } from "#domain/target.ts";
import type { Ports } from "./ports.ts";

export interface Usage extends User, Spending {
  readonly id: string;
  readonly tenant: string;
}

/**
 * Records model usage that has already happened. It cannot be refused: what exceeds a limit is owed, and the next call is refused for it.
 * False when this usage was recorded before.
 *
 * @throws AegisError `unavailable` while the tenant's limits are not known; `unprocessable` for a currency without a declared rate.
 */
export async function reportUsage(ports: Pick<Ports, "policies" | "spending" | "clock">, told: Usage): Promise<boolean> {
  const now = ports.clock.now().getTime();
  const content = ports.policies.of(told.tenant);
  const { memberOf, exchangeRates } = content.policies.governance;
  const usage = inUsDollarsToo(told, exchangeRates);
  const own = accountsNamed(content, scopesOfUsage(usage)).map((account) => targetOf(content, { tenant: usage.tenant, ...account }, now));
  const amounts = [
    ...own.map((target) => ({ target, units: unitsUsed(target, usage) })),
    ...ofOrganisation(ports, usage, memberOf, now),
  ].filter(({ units }) => units > 0);
  return ports.spending.use(usage.tenant, { ...usage, promptId: usage.promptId ?? "" }, amounts, now);
}

function inUsDollarsToo(usage: Usage, rates: Governance["exchangeRates"]): Usage {
  if (usage.money === undefined) return usage;
  if (usage.microUsd > 0) throw new AegisError("unprocessable", "the usage is given in two currencies");
  const priced = inUsDollars(usage.money, rates);
  if (typeof priced === "string") throw new AegisError("unprocessable", priced);
  return { ...usage, money: undefined, ...priced };
}

const unitsUsed = ({ unit }: Pick<Target, "unit">, usage: Spending): number => (unit === "actions" ? 0 : unitsOf(unit, usage));

/** The accounts of the tenant's organisation, as far as it bounds any, and what they are charged by its own rates. */
function ofOrganisation(
  { policies }: Pick<Ports, "policies">,
  usage: Usage,
  organisation: string | undefined,
  now: number,
): { target: Target; units: number }[] {
  if (organisation === undefined) return [];
  const { organisation: rules, exchangeRates } = policies.of(organisation).policies.governance;
  const worth = inRatesOf(exchangeRates, usage);
  if (typeof worth === "string") throw new AegisError("unprocessable", `${organisation}: ${worth}`);
  return organisationCharges(organisation, rules?.limits ?? [], { microUsd: 0, tokens: 0 }).map(({ scope, unit, window }) => {
    const owner = ownerOf(policies.of, { tenant: usage.tenant, scope, unit, window });
    const target = targetOf(owner.content, owner.account, now);
    return { target, units: unitsUsed(target, worth) };
  });
}
