import type { JsonObject } from "@aegis/canonical/ijson";
import { describe, expect, test } from "vitest";
import { compile } from "../language/compile.ts";
import { microUnits } from "./money.ts";
import { prepare } from "./snapshot.ts";

const policy = (mode: string) => `
apiVersion: aegis.dev/v1
kind: AgentPolicy
metadata: { name: payer }
spec:
  agents: [payer]
  mode: ${mode}
  limits: [{ budget: daily, usd: 10 }]
  tools: [{ name: pay, actions: [{ name: send, additional_parameters: allow, cost: { usd: args.amount * 2.0 } }] }]
`;

function decide(args: JsonObject, mode = "enforce") {
  const compiled = compile([{ name: "pay.yaml", text: policy(mode) }], { tenant: "acme" });
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.faults));
  const snapshot = prepare({ tenant: "acme", revision: 1, version: "1-0", digest: "sha256:0", policies: compiled.policies });
  const principal = { tenant: "acme", agent: "payer", subject: "payer", chain: ["payer"], depth: 0, scope: ["pay:*"] };
  return snapshot.evaluate({ principal, tool: "pay", action: "send", arguments: args, context: {}, now: 0, findings: [] });
}

describe("a computed price", () => {
  test("is what is reserved", () => {
    expect(decide({ amount: 1.25 })).toMatchObject({ decision: "allow", cost: { microUsd: 2_500_000 }, charges: [{ units: 2_500_000 }] });
  });

  test.each([[{}], [{ amount: "1" }], [{ amount: -1 }], [{ amount: 1e308 }], [{ amount: 1e12 }]])(
    "that cannot be told is a deny that says so: %j",
    (args) => {
      const { decision, reasons, charges } = decide(args);
      expect({ decision, charges }).toEqual({ decision: "deny", charges: [] });
      expect(reasons).toMatchObject([{ code: "budget_exhausted", rule: "pay.yaml:9" }]);
      expect(reasons[0]?.message).toMatch(/what the call costs cannot be told/);
    },
  );

  test("in shadow denies in shadow alone", () => {
    expect(decide({}, "shadow")).toMatchObject({
      decision: "allow",
      shadow: { decision: "deny", reasons: [{ code: "budget_exhausted" }] },
    });
  });

  test.each([
    [0, 0],
    [1.1, 1_100_000],
    [0.1 + 0.2, 300_000],
    [1e-7, 1],
    [1.000_000_1, 1_000_001],
    [5e-324, 1],
    [1e10, undefined],
    [-1e-9, undefined],
    [Number.POSITIVE_INFINITY, undefined],
    [Number.NaN, undefined],
  ])("of %d US dollars is %s micro-units, rounded up", (usd, units) => {
    expect(microUnits(usd)).toBe(units);
  });
});
