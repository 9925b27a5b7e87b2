import type { Reason } from "@aegis/contracts/reasons";
import { agentsFault } from "@aegis/contracts/reasons";
import type { BreakerRule } from "@aegis/policy/ir";

type Kind = "denied" | "failed";

/** Calls of an agent that one replica refused, or that failed, one after the other; 0: a call went through, and the row is over for all. */
export interface Row {
  readonly kind: Kind;
  readonly calls: number;
}

/** A row that another replica told of. */
export interface AgentRow extends Row {
  readonly tenant: string;
  readonly agent: string;
  readonly by: string;
}

interface Counted {
  /** By replica; our own under "". */
  denied: Map<string, number>;
  failed: Map<string, number>;
  last: number;
}

const own = "";
const rememberedMs = 60_000;
const mostAgents = 100_000;

/** One refused call alone says nothing: the other replicas hear of a row from its second call on. */
const tellFrom = 2;

/**
 * Calls of an agent that were refused, or that failed, one after the other, on all replicas together as far as they told each other. The
 * budget service sees the calls themselves a moment later; a loop is faster than that moment.
 */
export class Streaks {
  readonly #agents = new Map<string, Counted>();

  /** A decision on a call that was not a dry run. Returns what the other replicas have to know. */
  decided(key: string, decision: string, reasons: readonly Reason[], now: number): Row | undefined {
    if (decision === "allow" || decision === "sanitize") return this.#over(key, "denied");
    return decision === "deny" && agentsFault(reasons) ? this.#longer(key, "denied", now) : undefined;
  }

  /** What came of a call that was let through. Returns what the other replicas have to know. */
  outcome(key: string, outcome: string, now: number): Row | undefined {
    if (outcome === "executed") return this.#over(key, "failed");
    return outcome === "failed" ? this.#longer(key, "failed", now) : undefined;
  }

  /** What another replica saw. */
  heard(key: string, by: string, { kind, calls }: Row, now: number): void {
    if (calls === 0) this.#agents.get(key)?.[kind].clear();
    else this.#of(key, now)[kind].set(by, calls);
  }

  /** Why an agent has to be paused; the streak that says so is over. */
  take(key: string, rule: BreakerRule, now: number): "denied" | "failures" | undefined {
    const counted = this.#agents.get(key);
    if (counted === undefined || now - counted.last > rememberedMs) return undefined;
    const cause = sum(counted.failed) >= rule.failures ? "failures" : sum(counted.denied) >= rule.calls ? "denied" : undefined;
    if (cause !== undefined) this.#agents.delete(key);
    return cause;
  }

  /** The agent is paused: what it did before counts no more afterwards. */
  forget(key: string): void {
    this.#agents.delete(key);
  }

  #over(key: string, kind: Kind): Row | undefined {
    const rows = this.#agents.get(key)?.[kind];
    if (rows === undefined || rows.size === 0) return undefined;
    const known = rows.size > 1 || (rows.get(own) ?? tellFrom) >= tellFrom;
    rows.clear();
    return known ? { kind, calls: 0 } : undefined;
  }

  #longer(key: string, kind: Kind, now: number): Row | undefined {
    const rows = this.#of(key, now)[kind];
    const calls = (rows.get(own) ?? 0) + 1;
    rows.set(own, calls);
    return calls >= tellFrom ? { kind, calls } : undefined;
  }

  #of(key: string, now: number): Counted {
    let counted = this.#agents.get(key);
    if (counted === undefined || now - counted.last > rememberedMs) {
      if (this.#agents.size >= mostAgents) this.#agents.clear();
      counted = { denied: new Map(), failed: new Map(), last: now };
      this.#agents.set(key, counted);
    }
    counted.last = now;
    return counted;
  }
}

const sum = (rows: ReadonlyMap<string, number>): number => {
  let calls = 0;
  for (const one of rows.values()) calls += one;
  return calls;
};
