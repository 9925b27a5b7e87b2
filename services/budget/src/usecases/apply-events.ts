import type { DecisionEvent } from "@aegis/contracts/decision-event";
import type { OutcomeEvent } from "@aegis/contracts/outcome-event";
import { accounts, organisationIn } from "@aegis/policy/limits";
import { type Account, type Target, targetOf } from "#domain/target.ts";
import { signalKind } from "#domain/watch.ts";
import type { CallSignal, DecisionFact, OutcomeFact, Ports } from "./ports.ts";

/**
 * Takes in decisions that cost something and what became of them, all of one tenant. Only a real, allowed call costs: denied, pending
 * and dry-run ones do not. Each decision and each outcome counts once, in whatever order and however often it is delivered.
 */
export async function applyEvents(
  ports: Pick<Ports, "policies" | "reservations" | "breakers" | "clock" | "signals">,
  tenant: string,
  decisions: readonly DecisionEvent[],
  outcomes: readonly OutcomeEvent[],
): Promise<void> {
  const costly = decisions.filter(({ data }) => !data.dryRun && (data.decision === "allow" || data.decision === "sanitize"));
  const facts = costly.map((event) => decisionFact(ports, event));
  const organisations = new Set(facts.flatMap(({ leased }) => leased.flatMap(({ organisation }) => organisation ?? [])));
  const memberOf = ports.policies.find(tenant)?.policies.governance.memberOf;
  if (memberOf !== undefined) organisations.add(memberOf);
  const ratesOf = (owner: string) => ports.policies.find(owner)?.policies.governance.exchangeRates;
  const uncovered = await ports.reservations.apply(tenant, [...organisations], facts, outcomes.map(outcomeFact), ratesOf);
  if (uncovered > 0) ports.signals.uncovered(tenant, uncovered);
  await watch(ports, tenant, decisions, outcomes);
}

/** Shows the tenant's breakers what its calls came to. A batch that is delivered again is seen again: they err towards opening. */
async function watch(
  ports: Pick<Ports, "policies" | "breakers" | "clock" | "signals">,
  tenant: string,
  decisions: readonly DecisionEvent[],
  outcomes: readonly OutcomeEvent[],
): Promise<void> {
  const rule = ports.policies.find(tenant)?.policies.governance.breaker;
  if (rule === undefined) return;
  const calls = decisions.filter(({ data }) => !data.dryRun && data.kind === "check");
  const signals = [...calls.map(callSignal), ...outcomes.flatMap(outcomeSignal)];
  const changes = await ports.breakers.observe(tenant, rule, signals, ports.clock.now().getTime());
  for (const change of changes) ports.signals.breakerChanged(tenant, change);
}

const callSignal = ({ time, data }: DecisionEvent): CallSignal => ({
  kind: signalKind(data.decision, data.reasons),
  decisionId: data.decisionId,
  agent: data.principal.agent,
  promptId: data.context.promptId ?? "",
  at: Date.parse(time),
  microUsd: data.cost?.microUsd ?? 0,
});

const outcomeSignal = ({ time, data }: OutcomeEvent): CallSignal[] =>
  // What was taken back neither failed nor succeeded.
  data.outcome === "rolled_back"
    ? []
    : [{ kind: data.outcome, decisionId: data.decisionId, agent: data.principal.agent, at: Date.parse(time), microUsd: 0 }];

function decisionFact(ports: Pick<Ports, "policies">, event: DecisionEvent): DecisionFact {
  const { data, tenant } = event;
  const at = Date.parse(event.time);
  // It was spent, whoever belongs to which organisation by now.
  const targetNow = ({ scope, unit, window }: Pick<Account, "scope" | "unit" | "window">): Target | undefined => {
    const organisation = organisationIn(scope);
    const content = ports.policies.find(organisation ?? tenant);
    const account = { tenant: organisation ?? tenant, scope: organisation === undefined ? scope : accounts.organisation, unit, window };
    return content && targetOf(content, account, at);
  };
  return {
    decisionId: data.decisionId,
    at,
    agent: data.principal.agent,
    tool: data.tool,
    promptId: data.context.promptId ?? "",
    chain: data.principal.chain,
    cost: data.cost ?? { microUsd: 0, tokens: 0 },
    leased: data.reservations.flatMap(({ leaseId, units, scope, unit, window }) =>
      // Without a lease it was reserved directly, and is in the books since then.
      leaseId === undefined || units === 0
        ? []
        : [{ leaseId, units, target: () => targetNow({ scope, unit, window }), organisation: organisationIn(scope) }],
    ),
  };
}

const outcomeFact = ({ data }: OutcomeEvent): OutcomeFact => ({
  decisionId: data.decisionId,
  outcome: data.outcome,
  actual: data.actual,
});
