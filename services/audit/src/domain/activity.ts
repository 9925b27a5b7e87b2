import type { Counts } from "./lineage.ts";
import type { Recorded } from "./recorded.ts";

/** An approval that an agent's calls asked for, and what people made of it. */
export interface ApprovalSeen {
  readonly id: string;
  readonly tool: string | null;
  readonly action: string | null;
  /** The last state told of: requested, approved, denied, expired, cancelled, redeemed. */
  readonly state: string;
  readonly votes: readonly { readonly by: string; readonly vote: string; readonly at: string }[];
  /** Who approved or denied. */
  readonly by: readonly string[];
}

/** What one agent did in a window. */
export interface Activity {
  readonly decisions: Counts;
  readonly outcomes: Counts;
  /** Why it was not simply allowed, by code. */
  readonly reasons: Counts;
  readonly tools: readonly { readonly tool: string; readonly action: string; readonly decisions: Counts }[];
  /** Where its calls went. */
  readonly destinations: Counts;
  /** On whose behalf it acted. */
  readonly subjects: Counts;
  readonly sessions: number;
  readonly prompts: number;
  readonly microUsd: number;
  readonly tokens: number;
  readonly approvals: readonly ApprovalSeen[];
  /** Issued, delegated, suspended…: what became of it as an identity, by event type. */
  readonly identity: Counts;
  readonly first: string | null;
  readonly last: string | null;
}

/** Sums up records as they go by, in ascending order. */
export class ActivityCount {
  readonly #decisions = new Tally();
  readonly #outcomes = new Tally();
  readonly #reasons = new Tally();
  readonly #destinations = new Tally();
  readonly #subjects = new Tally();
  readonly #identity = new Tally();
  readonly #tools = new Map<string, { tool: string; action: string; decisions: Tally }>();
  readonly #sessions = new Set<string>();
  readonly #prompts = new Set<string>();
  readonly #approvals = new Map<string, { -readonly [name in keyof ApprovalSeen]: ApprovalSeen[name] }>();
  readonly #costs = new Map<string, { microUsd: number; tokens: number }>();
  #first: string | null = null;
  #last: string | null = null;

  add(record: Recorded): void {
    if (this.#first === null || record.occurredAt < this.#first) this.#first = record.occurredAt;
    if (this.#last === null || record.occurredAt > this.#last) this.#last = record.occurredAt;
    if (record.kind === "decision") this.#decided(record);
    else if (record.kind === "outcome") {
      if (record.outcome !== undefined) this.#outcomes.add(record.outcome);
      // What it really cost takes the place of what it was expected to.
      if (record.about !== null && record.microUsd + record.tokens > 0) this.#costs.set(record.about, costOf(record));
    } else if (record.type.startsWith("dev.aegis.identity.")) this.#identity.add(record.type.split(".")[3] ?? record.type);
    else if (record.type.startsWith("dev.aegis.approval.") && record.about !== null) this.#approval(record.about, record);
  }

  result(): Activity {
    const costs = [...this.#costs.values()];
    return {
      decisions: this.#decisions.counts(),
      outcomes: this.#outcomes.counts(),
      reasons: this.#reasons.counts(),
      tools: [...this.#tools.values()].map(({ decisions, ...call }) => ({ ...call, decisions: decisions.counts() })),
      destinations: this.#destinations.counts(),
      subjects: this.#subjects.counts(),
      sessions: this.#sessions.size,
      prompts: this.#prompts.size,
      microUsd: costs.reduce((total, cost) => total + cost.microUsd, 0),
      tokens: costs.reduce((total, cost) => total + cost.tokens, 0),
      approvals: [...this.#approvals.values()],
      identity: this.#identity.counts(),
      first: this.#first,
      last: this.#last,
    };
  }

  #decided(record: Recorded): void {
    const { decision, tool, action, reasons, destination, subject, session, prompt } = record;
    this.#decisions.add(decision ?? "unknown");
    for (const reason of reasons) this.#reasons.add(reason);
    if (destination !== undefined) this.#destinations.add(destination);
    if (subject !== undefined) this.#subjects.add(subject);
    if (session !== null) this.#sessions.add(session);
    if (prompt !== null) this.#prompts.add(prompt);
    if (!record.dryRun && (decision === "allow" || decision === "sanitize") && record.microUsd + record.tokens > 0)
      this.#costs.set(record.id, costOf(record));
    const key = JSON.stringify([tool, action]);
    const call = this.#tools.get(key) ?? { tool: tool ?? "", action: action ?? "", decisions: new Tally() };
    call.decisions.add(decision ?? "unknown");
    this.#tools.set(key, call);
  }

  #approval(id: string, record: Recorded): void {
    const { tool, action, by, vote, occurredAt: at } = record;
    const known = this.#approvals.get(id) ?? { id, tool, action, state: "requested", votes: [], by: [] };
    this.#approvals.set(id, known);
    const what = record.type.split(".")[3] ?? "";
    if (what === "voted") known.votes = [...known.votes, ...by.map((voter) => ({ by: voter, vote: vote ?? "", at }))];
    else known.state = what;
    if (what === "approved" || what === "denied") known.by = by;
  }
}

const costOf = ({ microUsd, tokens }: Recorded) => ({ microUsd, tokens });

class Tally {
  readonly #counts = new Map<string, number>();

  add(name: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  counts(): Counts {
    return Object.fromEntries([...this.#counts].sort(([, a], [, b]) => b - a));
  }
}
