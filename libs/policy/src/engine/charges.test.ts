import { describe, expect, test } from "vitest";
import { compile } from "../language/compile.ts";
import { prepare } from "./snapshot.ts";

const text = `
apiVersion: aegis.dev/v1
kind: Governance
metadata: { name: ground }
spec:
  time_zone: America/Sao_Paulo
  limits:
    - { budget: hourly, actions: 10 }
    - { budget: monthly, tool: pay, usd: 100 }
    - { budget: prompt, tool: pay, actions: 3 }
    - { budget: session, tokens: 1000 }
---
apiVersion: aegis.dev/v1
kind: AgentPolicy
metadata: { name: payer }
spec:
  agents: [payer]
  limits:
    - { budget: weekly, usd: 50 }
    - { budget: session, actions: 5 }
  tools:
    - name: pay
      actions:
        - { name: send, cost: { usd: 2, tokens: 30 } }
        - { name: ask, cost: { tokens: 7 } }
        - { name: guess }
    - { name: read, actions: [{ name: file }] }
---
apiVersion: aegis.dev/v1
kind: ToolCatalog
metadata: { name: tools }
spec:
  tools:
    - name: pay
      actions:
        - { name: send }
        - { name: ask }
        - { name: guess, max_cost: { usd: 1, tokens: 400 } }
    - { name: read, actions: [{ name: file, cost: { tokens: 5 }, max_cost: { tokens: 9 } }] }
`;

function decide(tool: string, action: string, context = {}, estimate?: { microUsd: number; tokens: number }) {
  const compiled = compile([{ name: "p.yaml", text }], { tenant: "acme" });
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.faults));
  const snapshot = prepare({ tenant: "acme", revision: 1, version: "1-0", digest: "sha256:0", policies: compiled.policies });
  const principal = { tenant: "acme", agent: "payer", subject: "payer", chain: ["payer"], depth: 0, scope: ["pay:*", "read:*"] };
  return snapshot.evaluate({ principal, tool, action, arguments: {}, context, estimate, now: 0, findings: [] });
}

const inside = { promptId: "p/1", sessionId: "s" };

describe("what a call is charged to", () => {
  test("is every account that bounds it, each in its window", () => {
    const { decision, charges } = decide("pay", "send", inside);
    expect(decision).toBe("allow");
    expect(charges.map(({ scope, unit, window, units }) => `${scope} ${unit} ${window} ${units}`).sort()).toEqual([
      "agent/payer micro_usd week 2000000",
      "prompt/p%2F1/tool/pay actions prompt 1",
      "session/s tokens session 30",
      "session/s/agent/payer actions session 1",
      "tenant actions hour 1",
      "tool/pay micro_usd month 2000000",
    ]);
  });

  test("leaves out the accounts of other tools, and names no session where there is none", () => {
    const scopes = (context: object) => decide("read", "file", { promptId: "p", ...context }).charges.map(({ scope }) => scope);
    expect(scopes({ sessionId: "s" })).not.toContain("prompt/p/tool/pay");
    expect(scopes({})).toEqual(expect.arrayContaining(["session/", "session//agent/payer"]));
  });
});

describe("tokens", () => {
  test.each([
    ["pay", "send", undefined, 30],
    ["pay", "send", 10, 30],
    ["pay", "send", 99, 99],
    ["pay", "ask", undefined, 7],
    ["read", "file", undefined, 5],
    ["read", "file", 8, 8],
  ] as const)("of %s:%s, estimated %s: %i", (tool, action, estimated, tokens) => {
    const estimate = estimated === undefined ? undefined : { microUsd: 0, tokens: estimated };
    expect(decide(tool, action, inside, estimate).cost.tokens).toBe(tokens);
  });

  test("that nobody knows are the most that the catalog declares, as money is", () => {
    expect(decide("pay", "guess", inside).cost).toEqual({ microUsd: 1_000_000, tokens: 400 });
  });
});
