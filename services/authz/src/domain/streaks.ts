import type { Reason } from "@aegis/contracts/reasons";
import { agentsFault } from "@aegis/contracts/reasons";
import type { BreakerRule } from "@aegis/policy/ir";

interface Streak {
  denied: number;
  failed: number;
  last: number;
}

const rememberedMs = 60_000;
const mostAgents = 100_000;

/**
 * Calls of an agent that this replica refused, or that failed, one after the other. The budget service sees all replicas' calls a moment
 * later; a loop on one replica is faster than that moment.
 */
export class Streaks {
  readonly #streaks = new Map<string, Streak>();

  /** A decision on a call that was not a dry run. */
  decided(key: string, decision: string, reasons: readonly Reason[], now: number): void {
    if (decision === "allow" || decision === "sanitize") {
      const streak = this.#streaks.get(key);
      if (streak) streak.denied = 0;
    } else if (decision === "deny" && agentsFault(reasons)) this.#of(key, now).denied++;
  }

  /** What came of a call that was let through. */
  outcome(key: string, outcome: string, now: number): void {
    if (outcome === "executed") {
      const streak = this.#streaks.get(key);
      if (streak) streak.failed = 0;
    } else if (outcome === "failed") this.#of(key, now).failed++;
  }

  /** Why an agent has to be paused; the streak that says so is over. */
  take(key: string, rule: BreakerRule, now: number): "denied" | "failures" | undefined {
    const streak = this.#streaks.get(key);
    if (streak === undefined || now - streak.last > rememberedMs) return undefined;
    const cause = streak.failed >= rule.failures ? "failures" : streak.denied >= rule.calls ? "denied" : undefined;
    if (cause !== undefined) this.#streaks.delete(key);
    return cause;
  }

  #of(key: string, now: number): Streak {
    let streak = this.#streaks.get(key);
    if (streak === undefined || now - streak.last > rememberedMs) {
      if (this.#streaks.size >= mostAgents) this.#streaks.clear();
      streak = { denied: 0, failed: 0, last: now };
      this.#streaks.set(key, streak);
    }
    streak.last = now;
    return streak;
  }
}
