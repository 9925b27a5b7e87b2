import { AegisError } from "@aegis/contracts/errors";
import { inRatesOf } from "@aegis/policy/money";
import { sql } from "kysely";
import { covered, outstanding } from "#domain/lease.ts";
import { measured, releaseAll, type Spending, settleAll } from "#domain/reservation.ts";
import type { DecisionFact, OutcomeFact, RatesOf } from "#usecases/ports.ts";
import { type AccountKey, ensure, Moves, type Trx } from "./accounts.ts";
import type { Announcer } from "./events.ts";
import { conclude, lockHeld, moveAll } from "./held.ts";
import { type LockedLease, lockLeases } from "./lease-store.ts";

/**
 * Takes in a batch of one tenant's events in one transaction: a decision's row says whether it has been counted, so a second delivery
 * counts nothing. Rows are locked in the order decisions, leases, reservations, accounts, each sorted, as everywhere in this service.
 */
export async function applyFacts(
  trx: Trx,
  announce: Announcer,
  tenant: string,
  decisions: readonly DecisionFact[],
  outcomes: readonly OutcomeFact[],
  ratesOf: RatesOf,
): Promise<number> {
  const counted = await keepDecisions(trx, tenant, decisions);
  await keepOutcomes(trx, tenant, outcomes);
  const fresh = decisions.filter((decision) => counted.delete(decision.decisionId));
  const moves = new Moves();
  const uncovered = await attribute(trx, tenant, fresh, moves);
  await settleKnown(trx, tenant, [...new Set([...fresh, ...outcomes].map((fact) => fact.decisionId))], moves, ratesOf);
  await moveAll(trx, announce, moves);
  return uncovered;
}

/** Keeps decisions; returns the ids that were not counted before. */
async function keepDecisions(trx: Trx, tenant: string, decisions: readonly DecisionFact[]): Promise<Set<string>> {
  if (decisions.length === 0) return new Set();
  const unique = [...new Map(decisions.map((one) => [one.decisionId, one])).values()].sort((a, b) =>
    a.decisionId < b.decisionId ? -1 : 1,
  );
  const { rows } = await sql<{ decision_id: string }>`
    insert into decisions as d (tenant, decision_id, decided_at, agent, tool, prompt_id, micro_usd, tokens, chain, currency, micro)
    select ${tenant}, e.id, e.at, e.agent, e.tool, e.prompt, e.micro_usd, e.tokens, string_to_array(e.chain, chr(10)), e.currency, e.micro from unnest(${unique.map((one) => one.decisionId)}::uuid[], ${unique.map((one) => new Date(one.at))}::timestamptz[],
      ${unique.map((one) => one.agent)}::text[], ${unique.map((one) => one.tool)}::text[], ${unique.map((one) => one.promptId)}::text[],
      ${unique.map((one) => one.cost.microUsd)}::bigint[], ${unique.map((one) => one.cost.tokens)}::bigint[],
      ${unique.map((one) => one.chain.join("\n"))}::text[], ${unique.map((one) => one.cost.money?.currency ?? null)}::text[],
      ${unique.map((one) => one.cost.money?.micro ?? null)}::bigint[])
      as e (id, at, agent, tool, prompt, micro_usd, tokens, chain, currency, micro)
    on conflict (tenant, decision_id) do update
    set decided_at = excluded.decided_at, agent = excluded.agent, tool = excluded.tool, prompt_id = excluded.prompt_id,
      micro_usd = excluded.micro_usd, tokens = excluded.tokens, chain = excluded.chain, currency = excluded.currency,
      micro = excluded.micro
    where d.decided_at is null
    returning decision_id`.execute(trx);
  return new Set(rows.map((row) => row.decision_id));
}

/** Keeps outcomes; the first one told of a decision stands. */
async function keepOutcomes(trx: Trx, tenant: string, outcomes: readonly OutcomeFact[]): Promise<void> {
  if (outcomes.length === 0) return;
  const first = new Map<string, OutcomeFact>();
  for (const one of outcomes) if (!first.has(one.decisionId)) first.set(one.decisionId, one);
  const unique = [...first.values()].sort((a, b) => (a.decisionId < b.decisionId ? -1 : 1));
  await sql`
    insert into decisions as d (tenant, decision_id, outcome, actual_micro_usd, actual_tokens, actual_currency, actual_micro)
    select ${tenant}, * from unnest(${unique.map((one) => one.decisionId)}::uuid[], ${unique.map((one) => one.outcome)}::text[],
      ${unique.map((one) => one.actual?.microUsd ?? null)}::bigint[], ${unique.map((one) => one.actual?.tokens ?? null)}::bigint[],
      ${unique.map((one) => one.actual?.money?.currency ?? null)}::text[], ${unique.map((one) => one.actual?.money?.micro ?? null)}::bigint[])
    on conflict (tenant, decision_id) do update
    set outcome = excluded.outcome, actual_micro_usd = excluded.actual_micro_usd, actual_tokens = excluded.actual_tokens,
      actual_currency = excluded.actual_currency, actual_micro = excluded.actual_micro
    where d.outcome is null`.execute(trx);
}

/** Moves what decisions took from leases to what they hold. Resolves to the units that no lease covers any more: those are owed. */
async function attribute(trx: Trx, tenant: string, decisions: readonly DecisionFact[], moves: Moves): Promise<number> {
  const taken = decisions.flatMap((decision) => decision.leased.map((one) => ({ ...one, decision })));
  if (taken.length === 0) return 0;
  const leases = new Map((await lockLeases(trx, [...new Set(taken.map((one) => one.leaseId))])).map((lease) => [lease.id, lease]));
  const touched = new Set<string>();
  const rows: { decision: DecisionFact; leaseId: string; key: AccountKey; units: number; owed: boolean }[] = [];
  let uncovered = 0;
  for (const { leaseId, units, target: targetNow, decision } of taken) {
    const lease = leases.get(leaseId);
    const target = lease === undefined ? targetNow() : undefined;
    const key = lease?.key ?? target;
    if (key === undefined) throw new AegisError("unavailable", `the limits of ${tenant} are not known yet`);
    const part = lease === undefined ? 0 : covered(lease, units);
    if (lease !== undefined && part > 0) {
      leases.set(leaseId, { ...lease, attributed: lease.attributed + part });
      touched.add(leaseId);
      moves.add(key, { leased: -part, reserved: part });
      rows.push({ decision, leaseId, key, units: part, owed: false });
    }
    if (part === units) continue;
    if (lease === undefined) await ensure(trx, key, target?.policyLimit ?? 0);
    uncovered += units - part;
    moves.add(key, { overrun: units - part });
    rows.push({ decision, leaseId, key, units: units - part, owed: true });
  }
  await sql`
    insert into reservations (tenant, decision_id, scope, unit, window_kind, window_start, lease_id, units, owed, state, reserved_at)
    select e.tenant, e.decision_id, e.scope, e.unit, e.window_kind, e.window_start, e.lease_id, sum(e.units), e.owed, 'reserved', e.reserved_at
    from unnest(${rows.map((row) => row.key.tenant)}::text[], ${rows.map((row) => row.decision.decisionId)}::uuid[], ${rows.map((row) => row.key.scope)}::text[],
      ${rows.map((row) => row.key.unit)}::text[], ${rows.map((row) => row.key.window)}::text[],
      ${rows.map((row) => new Date(row.key.windowStart))}::timestamptz[], ${rows.map((row) => row.leaseId)}::uuid[],
      ${rows.map((row) => row.units)}::bigint[], ${rows.map((row) => row.owed)}::boolean[],
      ${rows.map((row) => new Date(row.decision.at))}::timestamptz[])
      as e (tenant, decision_id, scope, unit, window_kind, window_start, lease_id, units, owed, reserved_at)
    group by e.tenant, e.decision_id, e.scope, e.unit, e.window_kind, e.window_start, e.lease_id, e.owed, e.reserved_at`.execute(trx);
  await keepAttributed(
    trx,
    [...touched].map((id) => leases.get(id)!),
  );
  return uncovered;
}

async function keepAttributed(trx: Trx, leases: readonly LockedLease[]): Promise<void> {
  await sql`
    update leases l set attributed = e.attributed, closed_at = case when e.empty then coalesce(l.closed_at, now()) else l.closed_at end
    from unnest(${leases.map((lease) => lease.id)}::uuid[], ${leases.map((lease) => lease.attributed)}::bigint[],
      ${leases.map((lease) => outstanding(lease) === 0)}::boolean[]) as e (id, attributed, empty)
    where l.id = e.id`.execute(trx);
}

/**
 * Settles or releases what those decisions hold of which the outcome is known. They are looked up one by one: statistics never know the
 * newest rows of a growing table, and by them all decisions of the tenant would be read for each batch.
 */
async function settleKnown(trx: Trx, tenant: string, decisionIds: readonly string[], moves: Moves, ratesOf: RatesOf): Promise<void> {
  const { rows } = await sql<{
    decision_id: string;
    outcome: string;
    micro_usd: number | null;
    tokens: number | null;
    currency: string | null;
    micro: number | null;
  }>`
    select d.* from unnest(${decisionIds}::uuid[]) as w (id),
      lateral (select decision_id, outcome, actual_micro_usd as micro_usd, actual_tokens as tokens, actual_currency as currency,
          actual_micro as micro from decisions
        where tenant = ${tenant} and decision_id = w.id limit 1) as d where d.outcome is not null`.execute(trx);
  const known = new Map(rows.map((row) => [row.decision_id, row]));
  if (known.size === 0) return;
  const byDecision = Map.groupBy(await lockHeld(trx, [...known.keys()]), (held) => held.decisionId);
  const settled = [];
  const released = [];
  for (const [decisionId, held] of byDecision) {
    const { outcome, micro_usd, tokens, currency, micro } = known.get(decisionId)!;
    const money = currency === null || micro === null ? undefined : { currency, micro };
    const actual = micro_usd === null || tokens === null ? undefined : { microUsd: micro_usd, tokens, money };
    if (outcome === "executed")
      settled.push(...settleAll(held, (one) => measured(actual && worthTo(one.key.tenant, tenant, actual, ratesOf))(one)));
    else released.push(...releaseAll(held));
  }
  await conclude(trx, settled, "settled", moves);
  await conclude(trx, released, "released", moves);
}

/** To an organisation, by its own rates as they are now; undefined, so that what was reserved stands, where it declares none for the currency. */
function worthTo(owner: string, tenant: string, actual: Spending, ratesOf: RatesOf): Spending | undefined {
  const worth = owner === tenant ? actual : inRatesOf(ratesOf(owner), actual);
  return typeof worth === "string" ? undefined : worth;
}
