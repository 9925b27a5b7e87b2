import type { DecisionEvent } from "@aegis/contracts/decision-event";
import type { OutcomeEvent } from "@aegis/contracts/outcome-event";
import { targetOf } from "#domain/target.ts";
import type { DecisionFact, OutcomeFact, Ports } from "./ports.ts";

/**
 * Takes in decisions that cost something and what became of them, all of one tenant. Only a real, allowed call costs: denied, pending
 * and dry-run ones do not. Each decision and each outcome counts once, in whatever order and however often it is delivered.
 */
export async function applyEvents(
  ports: Pick<Ports, "policies" | "reservations" | "signals">,
  tenant: string,
  decisions: readonly DecisionEvent[],
  outcomes: readonly OutcomeEvent[],
): Promise<void> {
  const costly = decisions.filter(({ data }) => !data.dryRun && (data.decision === "allow" || data.decision === "sanitize"));
  const facts = costly.map((event) => decisionFact(ports, event));
  const uncovered = await ports.reservations.apply(tenant, facts, outcomes.map(outcomeFact));
  if (uncovered > 0) ports.signals.uncovered(tenant, uncovered);
}

function decisionFact(ports: Pick<Ports, "policies">, event: DecisionEvent): DecisionFact {
  const { data, tenant } = event;
  const content = ports.policies.find(tenant);
  const at = Date.parse(event.time);
  return {
    decisionId: data.decisionId,
    at,
    agent: data.principal.agent,
    tool: data.tool,
    promptId: data.context.promptId ?? "",
    cost: data.cost ?? { microUsd: 0, tokens: 0 },
    leased: data.reservations.flatMap(({ leaseId, units, scope, unit, window }) =>
      // Without a lease it was reserved directly, and is in the books since then.
      leaseId === undefined || units === 0
        ? []
        : [{ leaseId, units, target: content && targetOf(content, { tenant, scope, unit, window }, at) }],
    ),
  };
}

const outcomeFact = ({ data }: OutcomeEvent): OutcomeFact => ({
  decisionId: data.decisionId,
  outcome: data.outcome,
  actual: data.actual,
});
