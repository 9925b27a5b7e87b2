import type { BreakerRule } from "@aegis/policy/ir";
import { empty, observed, type Signal, trouble, type Watch } from "./watch.ts";

export type BreakerState = "closed" | "open" | "half_open";
export type Cause = "failures" | "denied" | "spend" | "fan_out";

/**
 * What stops an agent, or a prompt of several agents, that goes astray. Closed, it watches. It opens by what it saw, and pauses all calls;
 * after the pause it is half open: one call at a time goes ahead as a probe, and what comes of it closes or opens it again. Times in
 * milliseconds since 1970.
 */
export interface Breaker {
  readonly state: BreakerState;
  readonly since: number;
  /** Why it opened last. */
  readonly cause?: Cause;
  /** When it is open: before this no probe goes ahead. */
  readonly until?: number;
  /** Openings in a row that did not help: each doubles the pause. */
  readonly trips: number;
  /** When it last changed its state, at most a minute back. */
  readonly changes: readonly number[];
  readonly watch: Watch;
  /** Decisions that went ahead as probes, the latest last. */
  readonly probes: readonly { readonly decisionId: string; readonly at: number }[];
}

/** No more changes of state than this within a minute, whatever happens. */
export const mostChanges = 12;
const minuteMs = 60_000;

/** A probe of which nothing is heard for so long is given up, and the next one goes ahead. */
const probeMs = 10_000;
const mostProbes = 8;

/** After so long without a trip the next pause is as short as the first. */
const calmMs = 600_000;
const longestPauseMs = 900_000;

/** Watches one agent, or the agents of a prompt together, from now on. */
export const closedSince = (now: number, kind: "agent" | "prompt"): Breaker => ({
  ...{ state: "closed", since: now, trips: 0, changes: [], probes: [] },
  watch: kind === "prompt" ? { ...empty, together: true } : empty,
});

/** Takes in what a call came to. */
export function observe(breaker: Breaker, rule: BreakerRule, signal: Signal, now: number): Breaker {
  if (breaker.state === "open") return breaker;
  if (breaker.state === "half_open") return probed(breaker, rule, signal, now);
  // What was decided before it closed says nothing of what is.
  if (signal.at < breaker.since || signal.at < now - minuteMs) return breaker;
  const watch = observed(breaker.watch, signal);
  const cause = trouble(watch, rule, now);
  return cause === undefined ? { ...breaker, watch } : opened({ ...breaker, watch }, rule, cause, now);
}

/** What is known of a call that asks to go ahead. */
export type Passage = { readonly passes: true } | { readonly passes: false; readonly retryAfterMs: number };

/** Asks whether a call may go ahead; after the pause, one at a time does, as a probe. */
export function ask(breaker: Breaker, decisionId: string, now: number): { readonly breaker: Breaker; readonly passage: Passage } {
  const passes = (next: Breaker) => ({ breaker: next, passage: { passes: true } as const });
  const waits = (retryAfterMs: number) => ({ breaker, passage: { passes: false, retryAfterMs: Math.max(1, retryAfterMs) } as const });
  if (breaker.state === "closed") return passes(breaker);
  if (breaker.state === "open") {
    const wait = (breaker.until ?? 0) - now;
    if (wait > 0) return waits(wait);
    // Room for this change, for the one that ends the probe, and for the trip that may follow at once.
    const room = roomAt(breaker, now, 3);
    if (room > now) return waits(room - now);
    return passes({ ...changed(breaker, "half_open", now), probes: [{ decisionId, at: now }] });
  }
  const last = breaker.probes.at(-1);
  if (last !== undefined && last.decisionId !== decisionId && now - last.at < probeMs) return waits(last.at + probeMs - now);
  if (last?.decisionId === decisionId) return passes(breaker);
  return passes({ ...breaker, probes: [...breaker.probes, { decisionId, at: now }].slice(-mostProbes) });
}

/** Opens it by the word of an authz, which sees a loop before its events arrive here. */
export const trip = (breaker: Breaker, rule: BreakerRule, cause: Cause, now: number): Breaker =>
  breaker.state === "closed" ? opened(breaker, rule, cause, now) : breaker;

/** Closes it by a person's hand; undefined when it changed its state too often within the last minute. */
export function reset(breaker: Breaker, now: number): Breaker | undefined {
  if (breaker.state === "closed") return breaker;
  if (roomAt(breaker, now, 2) > now) return undefined;
  return { ...closed(breaker, now), trips: 0 };
}

/** From when on a person may close it. */
export const resettableAt = (breaker: Breaker, now: number): number => roomAt(breaker, now, 2);

function probed(breaker: Breaker, rule: BreakerRule, signal: Signal, now: number): Breaker {
  if (!breaker.probes.some(({ decisionId }) => decisionId === signal.decisionId)) return breaker;
  if (signal.kind === "denied" || signal.kind === "failed") return opened(breaker, rule, breaker.cause ?? "failures", now);
  // Where calls failed, being allowed proves nothing: what came of it does.
  if (signal.kind === "executed" || (signal.kind === "allowed" && breaker.cause !== "failures")) return closed(breaker, now);
  // It was stopped by something else: the next one may try.
  if (signal.kind === "stopped") return { ...breaker, probes: breaker.probes.filter(({ decisionId }) => decisionId !== signal.decisionId) };
  return breaker;
}

function opened(breaker: Breaker, rule: BreakerRule, cause: Cause, now: number): Breaker {
  const trips = breaker.state === "closed" && now - breaker.since > calmMs ? 1 : breaker.trips + 1;
  const first = rule.pauseSeconds * 1000;
  const pause = Math.min(first * 2 ** Math.min(trips - 1, 20), Math.max(first, longestPauseMs));
  return { ...changed(breaker, "open", now), cause, trips, until: now + pause };
}

function closed(breaker: Breaker, now: number): Breaker {
  const { until: _until, ...rest } = changed(breaker, "closed", now);
  return { ...rest, watch: breaker.watch.together ? { ...empty, together: true } : empty, probes: [] };
}

const changed = (breaker: Breaker, state: BreakerState, now: number): Breaker => ({
  ...breaker,
  state,
  since: now,
  changes: [...breaker.changes.filter((at) => at > now - minuteMs), now],
  ...(state === "open" && { probes: [] }),
});

/** From when on so many changes fit into a minute. */
function roomAt({ changes }: Breaker, now: number, wanted: number): number {
  const recent = changes.filter((at) => at > now - minuteMs);
  const over = recent.length + wanted - mostChanges;
  return over <= 0 ? now : (recent[over - 1] ?? now) + minuteMs;
}
