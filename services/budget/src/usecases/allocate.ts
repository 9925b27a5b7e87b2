import type { BudgetUnit } from "@aegis/policy/ir";
import { accounts } from "@aegis/policy/limits";
import type { Ports } from "./ports.ts";
import { setLimit } from "./set-limit.ts";
import { type BudgetLine, show } from "./show.ts";

/** What a prompt may use of one unit from now on, and what was asked for. */
interface Allocation {
  readonly unit: BudgetUnit;
  readonly asked: number;
  readonly allocated: number;
}

export interface Allocated {
  readonly allocations: readonly Allocation[];
  /** Every budget that the prompt's calls have to keep to, as it is now. */
  readonly available: readonly BudgetLine[];
}

/**
 * Gives a prompt a quota of its own before it fans out: what is asked for, or what is left of the tightest budget that its calls are
 * charged to. Nothing is taken from those budgets: other calls may be there first. Asking again replaces the quota.
 *
 * @throws AegisError `unprocessable` when no policy bounds prompts in a unit; `unavailable` while the tenant's policies are not known.
 */
export async function allocate(
  ports: Pick<Ports, "policies" | "limits" | "clock">,
  ask: { readonly tenant: string; readonly promptId: string; readonly agent: string | undefined; readonly by: string },
  units: readonly { readonly unit: BudgetUnit; readonly units: number }[],
): Promise<Allocated> {
  const { tenant, promptId, agent, by } = ask;
  const scope = accounts.prompt(promptId);
  const lines = async () => {
    const own = await show(ports, tenant, { promptId, agent });
    const whole = (await show(ports, tenant, {})).filter((line) => line.scope === accounts.tenant);
    return [...own, ...whole];
  };
  const before = await lines();
  const allocations: Allocation[] = [];
  for (const { unit, units: asked } of units) {
    // What an earlier allocation left is no bound of the new one: the prompt's own account is bounded by its policy alone.
    const others = before.filter((line) => line.unit === unit && line.scope !== scope).map((line) => line.remaining);
    const used = before.find((line) => line.unit === unit && line.scope === scope);
    const room = Math.min(...others, Number.MAX_SAFE_INTEGER) + (used ? used.settled + used.reserved : 0);
    const allocated = Math.min(asked, room);
    await setLimit(ports, { tenant, scope, unit, window: "prompt" }, allocated, by);
    allocations.push({ unit, asked, allocated });
  }
  const available = await lines();
  const limitOf = (unit: BudgetUnit) => available.find((line) => line.scope === scope && line.unit === unit)?.limit;
  // A policy's own limit may be lower still.
  return { allocations: allocations.map((one) => ({ ...one, allocated: limitOf(one.unit) ?? one.allocated })), available };
}
