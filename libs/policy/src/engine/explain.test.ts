import { expect, test } from "vitest";
import { decisionVectors } from "../../test/vectors.ts";
import type { EvaluationInput } from "../input.ts";
import { compile } from "../language/compile.ts";
import { explain, explanationLines, stages } from "./explain.ts";
import { prepare } from "./snapshot.ts";

const text = `
apiVersion: aegis.dev/v1
kind: AgentPolicy
metadata: { name: pay }
spec:
  agents: [payer]
  delegation: { accept_from: [planner] }
  egress: { allow: [api.stripe.com] }
  dlp: [{ detect: [email], action: redact }]
  tools:
    - name: stripe
      actions:
        - name: charge
          parameters: { amount: { type: number, max: 100, beyond: approval_needed } }
          when: args.amount > 1
---
apiVersion: aegis.dev/v1
kind: AgentPolicy
metadata: { name: trial }
spec: { agents: ["pay*"], mode: shadow, purposes: [ops], tools: [] }
`;

const compiled = compile([{ name: "pay.yaml", text }], { tenant: "acme" });
if (!compiled.ok) throw new Error(JSON.stringify(compiled.faults));
const snapshot = prepare({ tenant: "acme", revision: 1, version: "1-0", digest: "sha256:0", policies: compiled.policies });

function call(changes: Partial<EvaluationInput> = {}): EvaluationInput {
  const principal = { tenant: "acme", agent: "payer", subject: "payer", chain: ["payer"], depth: 0, scope: ["stripe:*"] };
  return { principal, tool: "stripe", action: "charge", arguments: { amount: 50 }, context: {}, now: 0, findings: [], ...changes };
}

const outcomes = (input: EvaluationInput) =>
  Object.fromEntries(
    explain(snapshot, input)
      .stages.filter(({ outcome }) => outcome !== "passed")
      .map(({ stage, outcome }) => [stage, outcome]),
  );

test("a call that nothing stands in the way of passes every stage", () => {
  expect(explain(snapshot, call())).toMatchObject({
    decision: "allow",
    policies: [
      { name: "pay", rule: "pay.yaml:2", mode: "enforce" },
      { name: "trial", rule: "pay.yaml:17", mode: "shadow" },
    ],
    rules: [{ policy: "pay", rule: "pay.yaml:13", mode: "enforce" }],
    shadow: { decision: "deny", decidedBy: { code: "purpose_not_allowed", rule: "pay.yaml:20" } },
  });
  expect(outcomes(call())).toEqual({});
});

test("each stage says what it found, and the first of the worst reasons decided", () => {
  const input = call({ arguments: { amount: 500 }, destination: { url: "https://evil.test/" } });
  expect(outcomes(input)).toEqual({ parameters: "asks", destination: "refused" });
  expect(explain(snapshot, input).decidedBy).toMatchObject({ code: "egress_blocked", rule: "pay.yaml:8" });
  const asked = call({ arguments: { amount: 500 }, findings: [{ detector: "email", pointer: "/x", start: 0, end: 1, inKey: false }] });
  expect(outcomes(asked)).toEqual({ parameters: "asks", data: "noted" });
  expect(explain(snapshot, asked).decidedBy).toMatchObject({ code: "parameter_out_of_range", pointer: "/amount" });
});

test("what comes after a stage that ends the evaluation was not reached", () => {
  const handedOn = call({ principal: { ...call().principal, chain: ["payer", "stranger"], depth: 1 } });
  expect(outcomes(handedOn)).toMatchObject({ delegation: "refused", purpose: "not reached", budget: "not reached" });
  const unknown = call({ principal: { ...call().principal, agent: "nobody", chain: ["nobody"] } });
  expect(outcomes(unknown)).toMatchObject({ identity: "refused", delegation: "not reached" });
  expect(explanationLines(explain(snapshot, unknown))[0]).toBe("no policy is about the agent");
});

test("it reads as plain text, with the place of every rule", () => {
  const lines = explanationLines(explain(snapshot, call({ arguments: { amount: 0.5 } })));
  expect(lines.slice(0, 5)).toEqual([
    "policies about the agent:",
    "  pay (pay.yaml:2)",
    "  trial (pay.yaml:17), in shadow",
    "rules about the call:",
    "  pay.yaml:13 of pay",
  ]);
  expect(lines).toContain("deny: condition_false: the condition is not met: args.amount > 1 (pay.yaml:15)");
  expect(lines).toContain("were everything in shadow enforced:");
});

test("every reason of every vector stands at some stage, and a decision that is no allow names what decided", () => {
  for (const { policies, cases } of decisionVectors()) {
    const vectors = prepare({ tenant: "acme", revision: 1, version: "1-0", digest: "sha256:0", policies });
    for (const { name, input } of cases) {
      const verdict = vectors.evaluate(input);
      const explanation = explain(vectors, input);
      expect(explanation.stages.map(({ stage }) => stage)).toEqual(stages);
      expect(
        explanation.stages.flatMap(({ reasons }) => reasons),
        name,
      ).toHaveLength(verdict.reasons.length);
      expect(explanation.decidedBy === undefined, name).toBe(verdict.decision === "allow");
      expect(explanation.shadow?.decision, name).toBe(verdict.shadow?.decision);
    }
  }
});
