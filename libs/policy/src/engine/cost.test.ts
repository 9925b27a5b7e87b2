import type { JsonObject } from "@aegis/canonical/ijson";
import { describe, expect, test } from "vitest";
import { compile } from "../language/compile.ts";
import { inUsDollars, microUnits } from "./money.ts";
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

test.each([
  [1, 1.0842, 2],
  [100_000_000, 1.0842, 108_420_000],
  [1, 1e-300, 1],
  [0, 1.0842, 0],
  [1_000_000_000, 1.000_000_000_000_000_2, 1_000_000_001],
  [999_999_999_999_999, 1.000_000_000_000_1, 1_000_000_000_000_099],
  [1e15, 1.1, 1_100_000_000_000_000],
  [3, 1_000_000, 3_000_000],
  [9_007_199_254_740_991, 1, 9_007_199_254_740_991],
  [9_007_199_254_740_991, 1.000_000_1, undefined],
])("%d micro-units at %d come to %s micro-dollars, never rounded down", (micro, rate, microUsd) => {
  const priced = inUsDollars({ currency: "EUR", micro }, { rule: "r", usd: { EUR: rate } });
  expect(typeof priced === "string" ? undefined : priced.microUsd).toBe(microUsd);
});

test("what policies give in two currencies cannot be told: a ceiling in one of them could not be held", () => {
  const priced = (name: string, cost: string) => `
apiVersion: aegis.dev/v1
kind: AgentPolicy
metadata: { name: ${name} }
spec:
  agents: [payer]
  tools: [{ name: pay, actions: [{ name: send, cost: { ${cost} } }] }]
`;
  const rates = "apiVersion: aegis.dev/v1\nkind: Governance\nmetadata: { name: g }\nspec:\n  exchange_rates: { EUR: 1.08 }\n";
  const verdict = (...costs: string[]) => {
    const texts = [rates, ...costs.map((cost, at) => priced(`p${at}`, cost))];
    const compiled = compile(
      texts.map((text, at) => ({ name: `p${at}.yaml`, text })),
      { tenant: "acme" },
    );
    if (!compiled.ok) throw new Error(JSON.stringify(compiled.faults));
    const snapshot = prepare({ tenant: "acme", revision: 1, version: "1-0", digest: "sha256:0", policies: compiled.policies });
    const principal = { tenant: "acme", agent: "payer", subject: "payer", chain: ["payer"], depth: 0, scope: ["pay:*"] };
    return snapshot.evaluate({ principal, tool: "pay", action: "send", arguments: {}, context: {}, now: 0, findings: [] });
  };
  for (const costs of [
    ["usd: 200", "money: EUR 100"],
    ["money: EUR 100", "usd: 200"],
  ])
    expect(verdict(...costs)).toMatchObject({
      decision: "deny",
      reasons: [{ code: "budget_exhausted", message: expect.stringMatching(/policies give it in (EUR and in USD|USD and in EUR)/) }],
    });
  expect(verdict("usd: 0", "money: EUR 100", "money: EUR 200").cost).toMatchObject({ money: { currency: "EUR", micro: 200_000_000 } });
  expect(verdict("money: EUR 100", "usd: 0").cost).toMatchObject({ money: { currency: "EUR", micro: 100_000_000 } });
});

test.each([["4111 1111 1111 1111"], ["eur"], ["EUR\n"], [" EUR"], [978], [null], [undefined]])(
  "an argument that is no currency's code is denied, and what it holds is not repeated: %j",
  (currency) => {
    const text = policy("enforce").replace("usd: args.amount * 2.0", "money: { amount: args.amount, currency: args.currency }");
    const compiled = compile([{ name: "pay.yaml", text }], { tenant: "acme" });
    if (!compiled.ok) throw new Error(JSON.stringify(compiled.faults));
    const snapshot = prepare({ tenant: "acme", revision: 1, version: "1-0", digest: "sha256:0", policies: compiled.policies });
    const principal = { tenant: "acme", agent: "payer", subject: "payer", chain: ["payer"], depth: 0, scope: ["pay:*"] };
    const args = { amount: 1, ...(currency !== undefined && { currency }) };
    const { decision, reasons } = snapshot.evaluate({
      ...{ principal, tool: "pay", action: "send", arguments: args, context: {}, now: 0, findings: [] },
    });
    expect(decision).toBe("deny");
    expect(reasons[0]?.message).toBe(
      "what the call costs cannot be told: the argument that names the currency is no code of three capital letters",
    );
  },
);
