import { scan } from "@aegis/dlp/detect";
import { prepare, type Snapshot } from "../engine/snapshot.ts";
import type { EvaluationInput, Verdict } from "../input.ts";
import type { PolicySet } from "../ir.ts";
import type { PolicyTest, PolicyTestCase, TestCall } from "../language/policy-test.ts";
import { type CoverageItem, coverageOf } from "./coverage.ts";
import { type Mismatch, mismatches } from "./expectation.ts";

/** One case, run. */
export interface CaseResult {
  /** The name of the PolicyTest document. */
  readonly suite: string;
  readonly name: string;
  /** "file:line" of the case. */
  readonly rule: string;
  readonly ok: boolean;
  /** What is otherwise than expected; empty when it is ok. */
  readonly mismatches: readonly Mismatch[];
  /** What the policies say. */
  readonly got: Pick<Verdict, "decision" | "reasons">;
}

export interface TestReport {
  /** Every case is as expected. */
  readonly ok: boolean;
  readonly passed: number;
  readonly failed: number;
  readonly cases: readonly CaseResult[];
  /** Every rule that a test can meet, in source order. */
  readonly coverage: readonly CoverageItem[];
  /** How much of them is met, in percent, rounded down; 100 when there is none. */
  readonly covered: number;
}

/** Runs a set's own tests against it: the engine and the detectors decide as they would in force. Pure: `now` is in milliseconds. */
export function runTests(policies: PolicySet, tests: readonly PolicyTest[], options: { readonly now: number }): TestReport {
  const content = { tenant: policies.tenant, revision: 1, version: "1-test", digest: noDigest, policies };
  const snapshot = prepare(content);
  const runs = tests.flatMap((suite) =>
    suite.cases.map((one) => {
      const input = inputOf(snapshot, one.call, options.now);
      return { suite: suite.name, one, input, verdict: snapshot.evaluate(input) };
    }),
  );
  const cases = runs.map(({ suite, one, verdict }) => resultOf(suite, one, verdict));
  const coverage = coverageOf(policies, runs);
  const failed = cases.filter(({ ok }) => !ok).length;
  const met = coverage.filter(({ hits }) => hits > 0).length;
  const covered = coverage.length === 0 ? 100 : Math.floor((100 * met) / coverage.length);
  return { ok: failed === 0, passed: cases.length - failed, failed, cases, coverage, covered };
}

const noDigest = `sha256:${"0".repeat(64)}` as const;

function resultOf(suite: string, { name, rule, expect }: PolicyTestCase, verdict: Verdict): CaseResult {
  const found = mismatches(expect, verdict);
  const { decision, reasons } = verdict;
  return { suite, name, rule, ok: found.length === 0, mismatches: found, got: { decision, reasons } };
}

function inputOf(snapshot: Snapshot, call: TestCall, now: number): EvaluationInput {
  const { agent, tool, action, chain, destination, session, drift, estimate } = call;
  const encode = (name: string) => name.replaceAll(":", "%3A");
  return {
    principal: {
      tenant: snapshot.tenant,
      agent,
      subject: call.subject ?? chain.at(-1) ?? agent,
      chain,
      depth: chain.length - 1,
      scope: call.scope ?? [`${encode(tool)}:${encode(action)}`],
    },
    tool,
    action,
    arguments: call.arguments,
    ...(destination && { destination }),
    context: call.context,
    ...(session && { session: { labels: [...session.labels].sort(), calls: [...session.calls].sort() } }),
    ...(drift !== undefined && { drift }),
    ...(estimate && { estimate }),
    now: call.now ?? now,
    findings: scan(call.arguments, snapshot.detectors(agent)),
  };
}
