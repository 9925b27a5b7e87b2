import { agentsFault, type Reason } from "@aegis/contracts/reasons";
import type { BreakerRule } from "@aegis/policy/ir";
import type { Cause } from "./breaker.ts";

/**
 * What one call came to. `denied`: by what the agent asked for; `stopped`: neither allowed nor the agent's fault. An outcome has the time
 * of its own, and the decision that it is about.
 */
export interface Signal {
  readonly kind: "allowed" | "denied" | "stopped" | "executed" | "failed";
  readonly decisionId: string;
  readonly agent: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly microUsd: number;
}

/** What a closed breaker has seen within the last minute. */
export interface Watch {
  readonly slots: readonly { readonly at: number; readonly calls: number; readonly denied: number; readonly microUsd: number }[];
  /** Calls that failed, since the last one that did not. */
  readonly failures: number;
  /** The latest of them: a failure that is told twice is one. */
  readonly failed: readonly string[];
  /** When agents were last heard of, and when they last had a call denied or failed. */
  readonly agents: Readonly<Record<string, number>>;
  readonly troubled: Readonly<Record<string, number>>;
  /** Several agents are watched together: what one of them alone does is its own breaker's business. */
  readonly together?: true;
}

export const empty: Watch = { slots: [], failures: 0, failed: [], agents: {}, troubled: {} };

const minuteMs = 60_000;
const slotMs = 5_000;
const mostRemembered = 32;
const mostAgents = 512;

/** Adds a signal. */
export function observed(watch: Watch, signal: Signal): Watch {
  const { kind, decisionId, agent, at, microUsd } = signal;
  const trouble = kind === "denied" || kind === "failed";
  const next: Watch = {
    ...watch,
    agents: seen(watch.agents, agent, at),
    troubled: trouble ? seen(watch.troubled, agent, at) : watch.troubled,
  };
  if (kind === "executed") return { ...next, failures: 0, failed: [] };
  if (kind === "failed") {
    if (watch.failed.includes(decisionId)) return next;
    return { ...next, failures: watch.failures + 1, failed: [...watch.failed, decisionId].slice(-mostRemembered) };
  }
  if (kind === "stopped") return next;
  const start = at - (at % slotMs);
  const slots = watch.slots.filter((slot) => slot.at > at - minuteMs);
  const index = slots.findIndex((slot) => slot.at === start);
  const old = slots[index] ?? { at: start, calls: 0, denied: 0, microUsd: 0 };
  const slot = {
    at: start,
    calls: old.calls + 1,
    denied: old.denied + (kind === "denied" ? 1 : 0),
    microUsd: old.microUsd + (kind === "allowed" ? microUsd : 0),
  };
  return { ...next, slots: index < 0 ? [...slots, slot] : slots.with(index, slot) };
}

/** Why what was seen should open the breaker; undefined when it should not. */
export function trouble(watch: Watch, rule: BreakerRule, now: number): Cause | undefined {
  const since = now - minuteMs;
  const recent = watch.slots.filter((slot) => slot.at > since);
  const sum = (of: "calls" | "denied" | "microUsd") => recent.reduce((total, slot) => total + slot[of], 0);
  const count = (agents: Watch["agents"]) => Object.values(agents).filter((at) => at > since).length;
  if (watch.together && rule.agentsPerPrompt !== undefined && count(watch.agents) > rule.agentsPerPrompt) return "fan_out";
  if (watch.together && count(watch.agents) < 2) return undefined;
  if (rule.microUsdPerMinute !== undefined && sum("microUsd") > rule.microUsdPerMinute) return "spend";
  if (watch.together && count(watch.troubled) < 2) return undefined;
  if (watch.failures >= rule.failures) return "failures";
  const calls = sum("calls");
  return calls >= rule.calls && sum("denied") * 100 >= calls * rule.deniedPercent ? "denied" : undefined;
}

/** What a decision is to a breaker. */
export function signalKind(decision: string, reasons: readonly Pick<Reason, "code">[]): Signal["kind"] {
  if (decision === "allow" || decision === "sanitize") return "allowed";
  return decision === "deny" && agentsFault(reasons) ? "denied" : "stopped";
}

function seen(agents: Watch["agents"], agent: string, at: number): Watch["agents"] {
  const kept = Object.entries(agents).filter(([name, last]) => name !== agent && last > at - minuteMs);
  return Object.fromEntries([...kept.slice(-(mostAgents - 1)), [agent, at]]);
}
