import { expect, test } from "vitest";
import { compile } from "../language/compile.ts";
import { explainFailure, junitXml } from "./junit.ts";
import { runTests } from "./run-tests.ts";

const policy = `apiVersion: aegis.dev/v1
kind: AgentPolicy
metadata: { name: finance }
spec:
  agents: [finance-agent]
  dlp:
    - { detect: [email], in: [/memo], action: redact }
  tools:
    - name: stripe-payments
      deny: [delete_*]
      actions:
        - name: create_payment
          parameters:
            amount: { type: number, exclusive_min: 0, max: 5000, beyond: approval_needed }
            memo: { type: string, max_length: 40, optional: true }
          approval: { queue: finance }
`;

const suite = (cases: string) => `apiVersion: aegis.dev/v1
kind: PolicyTest
metadata: { name: payments }
spec:
  cases:
${cases}`;

function run(cases: string) {
  const compiled = compile(
    [
      { name: "finance.yaml", text: policy },
      { name: "tests.yaml", text: suite(cases) },
    ],
    { tenant: "acme" },
  );
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.faults, null, 1));
  return runTests(compiled.policies, compiled.tests, { now: 0 });
}

const call = (action: string, args: string) =>
  `call: { agent: finance-agent, tool: stripe-payments, action: ${action}, arguments: ${args} }`;

test("cases pass and fail on what they say, with the place of the case and what was got instead", () => {
  const report = run(`    - name: small
      ${call("create_payment", "{ amount: 10 }")}
      expect: { decision: allow }
    - name: redacted
      ${call("create_payment", "{ amount: 10, memo: to jo@example.com }")}
      expect: { decision: sanitize, redactions: [{ pointer: /memo, action: redact }] }
    - name: large
      ${call("create_payment", "{ amount: 5001 }")}
      expect: { decision: deny, reasons: [{ code: parameter_out_of_range }] }
`);
  expect([report.ok, report.passed, report.failed]).toEqual([false, 2, 1]);
  expect(report.cases[2]).toMatchObject({
    suite: "payments",
    name: "large",
    rule: "tests.yaml:12",
    ok: false,
    mismatches: [{ what: "decision", expected: "deny", got: "approval_needed" }],
  });
  expect(explainFailure(report.cases[2]!)).toEqual([
    "decision: expected deny, got approval_needed",
    "parameter_out_of_range amount must be at most 5000 at /amount (finance.yaml:14)",
  ]);
});

test("coverage counts a bound only where a case breaks it, and lists what nothing meets", () => {
  const report = run(`    - name: small
      ${call("create_payment", "{ amount: 10 }")}
      expect: { decision: allow }
    - name: large
      ${call("create_payment", "{ amount: 5001 }")}
      expect: { decision: approval_needed, queue: finance }
    - name: deleted
      ${call("delete_all", "{}")}
      expect: { decision: deny, reasons: [{ code: explicitly_denied }] }
`);
  expect(report.ok).toBe(true);
  expect(report.coverage.map(({ name, rule, hits }) => [name, rule, hits])).toEqual([
    ["redact email", "finance.yaml:7", 0],
    ["stripe-payments:delete_*", "finance.yaml:10", 1],
    ["stripe-payments:create_payment", "finance.yaml:12", 2],
    ["stripe-payments:create_payment amount above 0", "finance.yaml:14", 0],
    ["stripe-payments:create_payment amount at most 5000", "finance.yaml:14", 1],
    ["stripe-payments:create_payment memo at most 40 characters", "finance.yaml:15", 0],
  ]);
  expect(report.covered).toBe(50);
});

test("JUnit XML keeps its form whatever cases are called and whatever they hold", () => {
  const report = run(`    - name: "a <b> & \\"c\\" \\u0001 'd'"
      ${call("create_payment", "{ amount: 10 }")}
      expect: { decision: deny }
`);
  const xml = junitXml(report, { at: new Date(0) });
  expect(xml).toContain(
    '<testsuite name="payments" tests="1" failures="1" errors="0" skipped="0" time="0" timestamp="1970-01-01T00:00:00"',
  );
  expect(xml).toContain('name="a &lt;b&gt; &amp; &quot;c&quot; \ufffd &apos;d&apos;"');
  expect(xml).toContain("decision: expected deny, got allow");
});
