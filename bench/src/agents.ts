import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Digest } from "@aegis/canonical/digest";
import { compile } from "@aegis/policy/compile";
import type { PolicyContent } from "@aegis/policy/ir";
import { prepare } from "@aegis/policy/snapshot";
import { contests } from "./contest.ts";
import { aegisInput } from "./contestants.ts";
import { type Machine, machine } from "./machine.ts";
import { type BenchOptions, type Goal, goal } from "./report.ts";
import { median } from "./rounds.ts";
import { spin } from "./spin.ts";

interface Row {
  readonly agents: number;
  readonly prepareMs: number;
  /** Processor time of a decision over a hot set of ten agents, and over every agent in turn, once each has called. */
  readonly hotMicros: number;
  readonly allMicros: number;
  /** The hot mean over that with ten agents loaded. */
  readonly ratio: number;
  /** Heap held by the revision and by what was prepared for every agent, per 10,000 agents, in MB; of few agents nothing can be told. */
  readonly megabytesPer10000: number | undefined;
}

export interface AgentsReport {
  readonly machine: Machine;
  readonly rounds: number;
  readonly rows: readonly Row[];
  readonly goals: readonly Goal[];
}

const sizes = [10, 100, 1_000, 10_000, 100_000];

/** One policy for each agent, three conditions and an egress list each; every agent calls. */
export function benchAgents({ rounds, seconds, progress }: BenchOptions): AgentsReport {
  const loaded = sizes.map((agents) => load(agents, progress));
  const means = loaded.map(() => ({ hot: [] as number[], all: [] as number[] }));
  // Collections of what loading left behind, and cold code, would be the first round's.
  for (const { decide } of loaded)
    spin(
      each((count) => decide(count % 10)),
      seconds * 500,
    );
  for (let round = 1; round <= rounds; round++) {
    for (const [index, { decide, agents }] of loaded.entries()) {
      const hot = spin(
        each((count) => decide(count % 10)),
        seconds * 100,
      );
      // Neighbouring calls of one agent would hide what a cold cache costs: steps of a prime reach each in turn.
      const all = spin(
        each((count) => decide((count * 7919) % agents)),
        seconds * 100,
      );
      means[index]?.hot.push(hot);
      means[index]?.all.push(all);
      progress(`round ${round}/${rounds}, ${agents} agents: ${hot.toFixed(2)} us of ten, ${all.toFixed(2)} us of all`);
    }
  }
  const base = median(means[0]?.hot ?? []);
  const rows = loaded.map(({ agents, prepareMs, bytes }, index) => ({
    agents,
    prepareMs,
    hotMicros: median(means[index]?.hot ?? []),
    allMicros: median(means[index]?.all ?? []),
    ratio: median(means[index]?.hot ?? []) / base,
    megabytesPer10000: agents < 1_000 ? undefined : (bytes / agents) * 10_000 * 1e-6,
  }));
  const most = rows.at(-1);
  return {
    machine: machine(),
    rounds,
    rows,
    goals: [
      goal("one decision with 10 agents", base, 2, "us"),
      goal("a decision with 100,000 agents over one with 10", most?.ratio ?? Number.NaN, 1.3, "x"),
      goal("memory per 10,000 agents", most?.megabytesPer10000 ?? Number.NaN, 150, "MB"),
    ],
  };
}

function load(agents: number, progress: (line: string) => void) {
  const [contest] = contests;
  if (contest === undefined) throw new Error("there is no contest");
  const before = heldBytes();
  const content = contentOf(agents, contest.aegis);
  const started = performance.now();
  const snapshot = prepare(content);
  const prepareMs = performance.now() - started;
  const call = contest.calls[0]?.call;
  if (call === undefined) throw new Error("there is no call");
  const { principal, ...rest } = aegisInput(call);
  const decide = (index: number) => {
    const agent = `agent-${index}`;
    return snapshot.evaluate({ ...rest, principal: { ...principal, agent, chain: [agent] } }).decision === "allow";
  };
  for (let index = 0; index < agents; index++) if (!decide(index)) throw new Error(`agent-${index} is not allowed`);
  const bytes = heldBytes() - before;
  progress(`${agents} agents: prepared in ${prepareMs.toFixed(1)} ms, ${(bytes / 1e6).toFixed(1)} MB held`);
  return { agents, prepareMs, bytes, decide };
}

/** As it comes from a bundle: every policy an object of its own, nothing shared. */
function contentOf(agents: number, text: string): PolicyContent {
  const compiled = compile([{ name: "bench.yaml", text }], { tenant: "acme" });
  if (!compiled.ok) throw new Error(`the bench's policy does not compile: ${JSON.stringify(compiled.faults)}`);
  const [policy] = compiled.policies.policies;
  const json = JSON.stringify(policy);
  const policies = Array.from({ length: agents }, (_, index) => ({ ...JSON.parse(json), name: `p-${index}`, agents: [`agent-${index}`] }));
  return {
    tenant: "acme",
    revision: 1,
    version: "1-bench",
    digest: `sha256:${"0".repeat(64)}` as Digest,
    policies: { ...compiled.policies, policies },
  };
}

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

function heldBytes(): number {
  collect();
  collect();
  return process.memoryUsage().heapUsed;
}

function each(decide: (count: number) => boolean): () => number {
  let count = 0;
  return () => {
    for (let repeat = 0; repeat < 64; repeat++) if (!decide(count++)) throw new Error("a call was not allowed");
    return 64;
  };
}
