import { getConformanceSuite, type IncrementalTestSuite } from "@bufbuild/cel-spec/testdata/tests.js";
import { expect, test } from "vitest";
import type { Environment } from "./expression.ts";
import { parseExpression } from "./parse.ts";
import { prepareExpression } from "./prepare.ts";

const environment: Environment = {
  args: {},
  dest: {},
  agent: { name: "a", tenant: "acme", subject: "a", depth: 0, chain: ["a"] },
  context: {},
  session: { labels: [], calls: [] },
  now: 0,
};

/** What this language means otherwise: unlike types are not unequal, they cannot be compared. */
const otherwise = new Set(["[1, 'foo', 3].exists(e, e == '10')"]);

type Wanted = { readonly value: boolean | number } | "error";

test("the official tests of CEL that this subset can spell come out as they should", () => {
  let passed = 0;
  const differences: string[] = [];
  for (const { expr, wanted } of casesOf(getConformanceSuite())) {
    const parsed = parseExpression(expr, typeof wanted === "object" && typeof wanted.value === "number" ? "cost" : "condition");
    if (!parsed.ok) continue;
    const told = prepareExpression(parsed.expression)(environment);
    // An amount of money is not negative.
    const negative = typeof wanted === "object" && typeof wanted.value === "number" && !(wanted.value >= 0 && wanted.value < Infinity);
    if (wanted === "error" || negative ? !told.ok : told.ok && told.value === wanted.value) passed++;
    else if (!otherwise.has(expr)) differences.push(expr);
  }
  expect(differences).toEqual([]);
  expect(passed).toBeGreaterThan(300);
});

function* casesOf({ suites, tests }: IncrementalTestSuite): Generator<{ readonly expr: string; readonly wanted: Wanted }> {
  for (const suite of suites) yield* casesOf(suite);
  for (const { original } of tests) {
    const { expr, resultMatcher, bindings } = original;
    if (Object.keys(bindings).length > 0) continue;
    if (resultMatcher.case === undefined) yield { expr, wanted: { value: true } };
    if (resultMatcher.case === "evalError" || resultMatcher.case === "anyEvalErrors") yield { expr, wanted: "error" };
    if (resultMatcher.case !== "value") continue;
    const { kind } = resultMatcher.value;
    if (kind.case === "boolValue") yield { expr, wanted: { value: kind.value } };
    if (kind.case === "int64Value" || kind.case === "uint64Value" || kind.case === "doubleValue")
      yield { expr, wanted: { value: Number(kind.value) } };
  }
}
