import type { BreakerRule } from "@aegis/policy/ir";
import fc from "fast-check";
import { expect, test } from "vitest";
import { ask, type Breaker, closedSince, mostChanges, observe, reset } from "./breaker.ts";
import { type Signal, signalKind } from "./watch.ts";

const rule: BreakerRule = { rule: "policy.yaml:1", failures: 5, deniedPercent: 80, calls: 10, pauseSeconds: 15 };
const start = 1_800_000_000_000;

let made = 0;
const signal = (kind: Signal["kind"], at: number, more: Partial<Signal> = {}): Signal => ({
  ...{ kind, at, agent: "a", microUsd: 0, decisionId: `d-${made++}` },
  ...more,
});

/** Feeds signals until it opens; how many that took. */
function until(
  breaker: Breaker,
  kinds: Signal["kind"][],
  more: Partial<BreakerRule> = {},
  agents = ["a"],
  microUsd = 0,
): number | undefined {
  let now = start;
  for (let call = 1; call <= 200; call++) {
    now += 50;
    const one = signal(kinds[call % kinds.length]!, now, { agent: agents[call % agents.length]!, microUsd });
    breaker = observe(breaker, { ...rule, ...more }, one, now);
    if (breaker.state === "open") return call;
  }
  return undefined;
}

const agent = () => closedSince(start, "agent");
const prompt = () => closedSince(start, "prompt");

test("a loop of calls that are denied, or that fail, opens it well within 20 calls", () => {
  expect(until(agent(), ["denied"])).toBe(10);
  expect(until(agent(), ["failed"])).toBe(5);
  expect(until(agent(), ["allowed", "failed"])).toBeLessThanOrEqual(10);
});

test("an agent that mostly succeeds, or is stopped by what the fabric can give, keeps going", () => {
  expect(until(agent(), ["allowed", "denied"])).toBeUndefined();
  expect(until(agent(), ["failed", "executed"])).toBeUndefined();
  expect(until(agent(), ["stopped"])).toBeUndefined();
  expect(signalKind("deny", [{ code: "budget_exhausted" }])).toBe("stopped");
  expect(signalKind("deny", [{ code: "budget_exhausted" }, { code: "parameter_type" }])).toBe("denied");
  expect(signalKind("approval_needed", [{ code: "approval_required" }])).toBe("stopped");
});

test("spending faster than allowed opens it; so do more agents than allowed for one prompt", () => {
  expect(until(agent(), ["allowed"], { microUsdPerMinute: 1_000 }, ["a"], 100)).toBe(11);
  const crowd = Array.from({ length: 40 }, (_, at) => `a-${at}`);
  expect(until(prompt(), ["allowed"], { agentsPerPrompt: 20 }, crowd)).toBe(21);
  expect(until(prompt(), ["allowed"], {}, crowd)).toBeUndefined();
});

test("a prompt's breaker is opened by several agents together, and leaves a single one to its own breaker", () => {
  expect(until(prompt(), ["failed"], {}, ["a", "b"])).toBe(5);
  expect(until(prompt(), ["denied"], {}, ["a"])).toBeUndefined();
});

test("a failure that is told twice is one, and an event of before the last closing is none", () => {
  let breaker = agent();
  for (let told = 0; told < 20; told++) breaker = observe(breaker, rule, signal("failed", start, { decisionId: "same" }), start);
  expect(breaker.state).toBe("closed");
  for (let told = 0; told < 20; told++) breaker = observe(breaker, rule, signal("failed", start - 1), start);
  expect(breaker.state).toBe("closed");
});

function openOne(kind: "denied" | "failed" = "denied", now = start): Breaker {
  let breaker = closedSince(now, "agent");
  while (breaker.state === "closed") breaker = observe(breaker, rule, signal(kind, now), now);
  return breaker;
}

test("nothing passes during the pause; after it one probe at a time does, and closes it or opens it for twice as long", () => {
  const open = openOne();
  expect(ask(open, "p", start + 14_999).passage).toEqual({ passes: false, retryAfterMs: 1 });
  const probing = ask(open, "p", start + 15_000);
  expect(probing.passage.passes).toBe(true);
  expect(ask(probing.breaker, "q", start + 15_001).passage.passes).toBe(false);
  expect(ask(probing.breaker, "p", start + 15_001).passage.passes, "the same call asks again").toBe(true);
  expect(ask(probing.breaker, "q", start + 25_000).passage.passes, "a lost probe holds up nobody for ever").toBe(true);
  const unrelated = observe(probing.breaker, rule, signal("allowed", start + 15_002), start + 15_002);
  expect(unrelated.state).toBe("half_open");
  expect(observe(probing.breaker, rule, signal("allowed", start, { decisionId: "p" }), start + 15_002).state).toBe("closed");
  const again = observe(probing.breaker, rule, signal("denied", start, { decisionId: "p" }), start + 15_002);
  expect(again).toMatchObject({ state: "open", until: start + 15_002 + 30_000 });
});

test("where calls failed, a probe proves itself by its outcome", () => {
  const { breaker } = ask(openOne("failed"), "p", start + 15_000);
  const allowed = observe(breaker, rule, signal("allowed", start, { decisionId: "p" }), start + 15_010);
  expect(allowed.state).toBe("half_open");
  expect(observe(allowed, rule, signal("executed", start, { decisionId: "p" }), start + 15_020).state).toBe("closed");
  expect(observe(allowed, rule, signal("failed", start, { decisionId: "p" }), start + 15_020).state).toBe("open");
});

type Step = { readonly after: number; readonly do: Signal["kind"] | "ask" | "reset" | "probe denied" | "probe allowed" };

/** Plays steps; the times at which the state changed. */
function play(steps: readonly Step[]): number[] {
  let [breaker, now] = [closedSince(start, "agent"), start];
  const changes: number[] = [];
  for (const step of steps) {
    now += step.after;
    const before = breaker.state;
    if (step.do === "ask") breaker = ask(breaker, `d-${made++}`, now).breaker;
    else if (step.do === "reset") breaker = reset(breaker, now) ?? breaker;
    else if (step.do === "probe denied" || step.do === "probe allowed") {
      const decisionId = breaker.probes.at(-1)?.decisionId ?? "none";
      breaker = observe(breaker, rule, signal(step.do === "probe denied" ? "denied" : "allowed", now, { decisionId }), now);
    } else for (let call = 0; call < 10; call++) breaker = observe(breaker, rule, signal(step.do, now), now);
    if (breaker.state !== before) changes.push(now);
  }
  return changes;
}

const mostWithinAMinute = (changes: readonly number[]) =>
  Math.max(0, ...changes.map((from) => changes.filter((at) => at >= from && at < from + 60_000).length));

test("whatever happens, it changes its state at most 12 times a minute, and always opens when it has to", () => {
  const kinds = ["allowed", "denied", "failed", "executed", "ask", "reset", "probe denied", "probe allowed"] as const;
  const step = fc.record({ after: fc.oneof(fc.nat(300), fc.nat(20_000)), do: fc.constantFrom(...kinds) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      expect(mostWithinAMinute(play(steps))).toBeLessThanOrEqual(mostChanges);
    }),
    { numRuns: 300 },
  );
  // The worst that can be done: a person who resets as fast as the loop trips it.
  const fight = Array.from({ length: 2_000 }, (_, at): Step => ({ after: 100, do: at % 2 ? "reset" : "denied" }));
  expect(mostWithinAMinute(play(fight))).toBe(mostChanges);
});

test("an input that toggles every 200 ms for ten minutes leaves it calm", () => {
  const toggles = Array.from(
    { length: 3_000 },
    (_, at): Step => ({ after: at % 3 === 0 ? 200 : 0, do: (["denied", "ask", "probe allowed"] as const)[at % 3]! }),
  );
  const changes = play(toggles);
  expect(changes.length).toBeGreaterThan(3);
  expect(mostWithinAMinute(changes)).toBeLessThanOrEqual(mostChanges);
});
