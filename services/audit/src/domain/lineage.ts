import type { Recorded } from "./recorded.ts";

/** How often something was asked, by answer. */
export type Counts = Readonly<Record<string, number>>;

/** Who acted: a user, or an agent at one place of a chain of delegation. One agent under two parents is two nodes. */
interface Actor {
  /** The chain from its origin, joined by "/". */
  readonly id: string;
  readonly name: string;
  readonly kind: "user" | "agent";
  /** Id of who delegated to it; absent at the origin. */
  readonly parent?: string;
}

/** What one actor asked of one action of one tool. */
interface CallEdge {
  readonly actor: string;
  readonly tool: string;
  readonly action: string;
  readonly decisions: Counts;
  readonly reasons: Counts;
  readonly outcomes: Counts;
  /** The very same call asked again under no other plan. */
  readonly retries: number;
  /** Calls of a plan that took the place of another. */
  readonly replans: number;
  readonly dryRuns: number;
  readonly microUsd: number;
  readonly tokens: number;
  readonly first: string;
  readonly last: string;
}

/** A plan, and the plan it took the place of. */
interface Plan {
  readonly actor: string;
  readonly planId: string;
  readonly replanOf?: string;
  readonly calls: number;
}

/** Who delegated to whom, and what each asked for. */
export interface Lineage {
  readonly actors: readonly Actor[];
  readonly calls: readonly CallEdge[];
  readonly plans: readonly Plan[];
  readonly decisions: number;
}

type Mutable<T> = { -readonly [name in keyof T]: T[name] };
type Tally = Record<string, number>;

/** Draws what decisions and outcomes tell, given ascending by sequence. */
export function lineage(records: readonly Recorded[]): Lineage {
  const actors = new Map<string, Actor>();
  const calls = new Map<string, Mutable<CallEdge>>();
  const plans = new Map<string, Mutable<Plan>>();
  const edgeOf = new Map<string, Mutable<CallEdge>>();
  const asked = new Set<string>();
  let decisions = 0;
  for (const record of records) {
    if (record.kind === "outcome") settle(edgeOf.get(record.about ?? ""), record);
    if (record.kind !== "decision" || record.tool === null || record.action === null || record.chain.length === 0) continue;
    decisions += 1;
    const actor = place(actors, record);
    const key = JSON.stringify([actor, record.tool, record.action]);
    const edge = calls.get(key) ?? callOf(actor, record);
    calls.set(key, edge);
    edgeOf.set(record.id, edge);
    count(edge.decisions as Tally, record.decision ?? "unknown");
    for (const reason of record.reasons) count(edge.reasons as Tally, reason);
    const same = JSON.stringify([actor, record.digest]);
    if (record.replanOf !== undefined) edge.replans += 1;
    else if (record.digest !== null && asked.has(same)) edge.retries += 1;
    asked.add(same);
    if (record.dryRun) edge.dryRuns += 1;
    edge.microUsd += record.microUsd;
    edge.tokens += record.tokens;
    edge.last = record.occurredAt;
    if (record.planId !== undefined) planned(plans, actor, record.planId, record.replanOf);
  }
  return { actors: [...actors.values()], calls: [...calls.values()], plans: [...plans.values()], decisions };
}

/** Makes nodes of a record's chain, from its origin on; gives the acting one's id. */
function place(actors: Map<string, Actor>, { chain, subject }: Recorded): string {
  const origin = subject !== undefined && subject !== chain[0] ? subject : undefined;
  let parent: string | undefined;
  for (const name of origin === undefined ? chain : [origin, ...chain]) {
    const id = parent === undefined ? name : `${parent}/${name}`;
    const kind = parent === undefined && origin !== undefined ? "user" : "agent";
    if (!actors.has(id)) actors.set(id, { id, name, kind, ...(parent === undefined ? {} : { parent }) });
    parent = id;
  }
  return parent as string;
}

const callOf = (actor: string, { tool, action, occurredAt }: Recorded): Mutable<CallEdge> => ({
  actor,
  tool: tool as string,
  action: action as string,
  decisions: {},
  reasons: {},
  outcomes: {},
  retries: 0,
  replans: 0,
  dryRuns: 0,
  microUsd: 0,
  tokens: 0,
  first: occurredAt,
  last: occurredAt,
});

function settle(edge: CallEdge | undefined, { outcome }: Recorded): void {
  if (edge !== undefined && outcome !== undefined) count(edge.outcomes as Tally, outcome);
}

function planned(plans: Map<string, Mutable<Plan>>, actor: string, planId: string, replanOf: string | undefined): void {
  const key = JSON.stringify([actor, planId, replanOf]);
  const plan = plans.get(key) ?? { actor, planId, ...(replanOf === undefined ? {} : { replanOf }), calls: 0 };
  plan.calls += 1;
  plans.set(key, plan);
}

function count(counts: Tally, name: string): void {
  // A name comes from an event: it must not be taken for a member that every object has.
  counts[name] = (Object.hasOwn(counts, name) ? (counts[name] as number) : 0) + 1;
}
