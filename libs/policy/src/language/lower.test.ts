import { digestOf } from "@aegis/canonical/digest";
import { describe, expect, test } from "vitest";
import { compile } from "./compile.ts";
import { formatFault } from "./fault.ts";

const header = (kind: string, name = kind.toLowerCase()) => `apiVersion: aegis.dev/v1\nkind: ${kind}\nmetadata: { name: ${name} }\n`;

function compiled(...documents: string[]) {
  const result = compile([{ name: "f.yaml", text: documents.join("\n---\n") }], { tenant: "acme" });
  if (!result.ok) throw new Error(result.faults.map(formatFault).join("\n"));
  return result;
}

const policyOf = (spec: string) => compiled(`${header("AgentPolicy")}spec: { agents: [a, b-*], tools: [], ${spec} }`).policies.policies[0]!;

describe("lowering", () => {
  test("a rate bounds each agent on its own, and governance's the tenant or a tool", () => {
    expect(policyOf("limits: [{ rate: 60/m }]")).toMatchObject({
      limits: [],
      rates: [
        { rule: "f.yaml:4", scope: "agent/a", calls: 60, seconds: 60 },
        { rule: "f.yaml:4", scope: "agent/b-*", calls: 60, seconds: 60 },
      ],
    });
    const { governance } = compiled(`${header("Governance")}spec: { limits: [{ rate: 5/s }, { rate: 9/h, tool: "a/b" }] }`).policies;
    expect(governance.rates).toMatchObject([
      { scope: "tenant", calls: 5, seconds: 1 },
      { scope: "tool/a%2Fb", calls: 9, seconds: 3600 },
    ]);
    expect(governance.limits).toEqual([]);
  });

  test.each([
    ["usd: 0.000001, soft: 50%", { limit: 1, soft: { units: 1, action: "notify" } }],
    ["actions: 3, soft: 80%, at_soft: approval_needed", { limit: 3, soft: { units: 3, action: "approval_needed" } }],
    ["actions: 0, soft: 80%", { limit: 0, soft: { units: 0, action: "notify" } }],
    ["tokens: 1000000000000000, soft: 99%", { limit: 1e15, soft: { units: 990_000_000_000_000, action: "notify" } }],
    ["usd: 1000000000, soft: 1%", { limit: 1e15, soft: { units: 1e13, action: "notify" } }],
  ])("a soft threshold is a whole number of units, rounded up: %s", (limit, expected) => {
    expect(policyOf(`limits: [{ budget: daily, ${limit} }]`).limits[0]).toMatchObject(expected);
  });

  test("an organisation lists members and what they share; a member only says to whom it belongs", () => {
    const shared =
      "organisation: { members: [acme, globex], limits: [{ budget: monthly, usd: 5, soft: 80% }] }, time_zone: America/Sao_Paulo";
    const { governance } = compiled(`${header("Governance")}spec: { ${shared} }`).policies;
    const limit = { scope: "org", unit: "micro_usd", window: "month", limit: 5e6, timeZone: "America/Sao_Paulo" };
    expect(governance.organisation).toMatchObject({ members: ["acme", "globex"], limits: [{ ...limit, soft: { units: 4e6 } }] });
    expect([governance.limits, governance.memberOf]).toEqual([[], undefined]);
    expect(compiled(`${header("Governance")}spec: { member_of: acme-group }`).policies.governance).toMatchObject({
      memberOf: "acme-group",
    });
  });

  test.each([
    "organisation: { members: [acme], limits: [{ budget: prompt, actions: 5 }] }",
    "organisation: { members: [acme], limits: [{ rate: 5/s }] }",
    "organisation: { members: [], limits: [{ budget: daily, actions: 5 }] }",
    "organisation: { members: [acme, acme], limits: [{ budget: daily, actions: 5 }] }",
    "organisation: { members: [Acme], limits: [{ budget: daily, actions: 5 }] }",
    "organisation: { members: [acme] }",
    "member_of: [acme-group]",
  ])("an organisation that cannot hold is a fault: %s", (spec) => {
    const result = compile([{ name: "f.yaml", text: `${header("Governance")}spec: { ${spec} }` }], { tenant: "acme" });
    expect(result.ok).toBe(false);
  });

  test("results, sessions and drift keep their rules, and what is not written is absent", () => {
    const policy = policyOf(
      'results: { labels: [b, a], dlp: [{ detect: [email], action: hash }] }, session: [{ after: "t:*", deny: ["m:send"] }], on_drift: flag',
    );
    expect(policy).toMatchObject({
      results: { rule: "f.yaml:4", labels: ["a", "b"], dlp: [{ detect: ["email"], action: "hash" }] },
      session: [{ after: "t:*", deny: ["m:send"], digest: expect.stringMatching(/^sha256:/) }],
      onDrift: { rule: "f.yaml:4", action: "flag" },
    });
    expect(Object.keys(policyOf(""))).toEqual(["name", "rule", "mode", "agents", "dlp", "limits", "tools"]);
  });

  test("the catalog says what a rule leaves open, and nothing else", () => {
    const catalog = `${header("ToolCatalog")}spec: { tools: [{ name: t, actions: [{ name: a, durability: T0, cost: { usd: 2 } }] }] }`;
    const rules = (action: string) =>
      compiled(`${header("AgentPolicy")}spec: { agents: [a], tools: [{ name: t, actions: [${action}] }] }`, catalog).policies.policies[0]!
        .tools[0]!.actions[0]!;
    expect(rules("{ name: a }").durability).toBe("T0");
    expect(rules("{ name: a, durability: T2, cost: { usd: 1 } }")).toMatchObject({ durability: "T2", costMicroUsd: 1_000_000 });
    const bare = compiled("agent: a\nallowed_tools: [{ name: t, actions: [a] }]", catalog).policies;
    expect(bare.policies[0]!.tools[0]!.actions[0]!.durability).toBe("T0");
    expect(bare.catalog).toMatchObject([{ name: "t", actions: [{ name: "a", risk: "high", costMicroUsd: 2_000_000 }] }]);
  });

  test("a condition is part of what an approval binds to, wherever it stands", () => {
    const digest = (when: string) =>
      compiled(`${header("AgentPolicy")}spec:\n  agents: [a]\n  tools:\n    - name: t\n      actions:\n        - name: a\n${when}`).policies
        .policies[0]!.tools[0]!.actions[0]!.digest;
    expect(digest("          when: args.n > 1\n")).toBe(digest("          # moved\n          when: 'args.n > 1'\n"));
    expect(digest("          when: args.n > 1\n")).not.toBe(digest("          when: args.n > 2\n"));
    expect(digest("          when: args.n > 1\n")).not.toBe(digest(""));
  });

  test("tests and an editor's schema change nothing of what is enforced", () => {
    const policy = "agent: a\nallowed_tools: [{ name: t, actions: [a] }]";
    const cases = `${header("PolicyTest")}spec: { cases: [{ name: one, call: { agent: a, tool: t, action: a }, expect: { decision: allow } }] }`;
    const plain = compiled(policy).policies;
    const tested = compiled(policy, cases);
    expect(digestOf(tested.policies)).toBe(digestOf(plain));
    expect(tested.tests).toMatchObject([{ name: "policytest", rule: "f.yaml:4", cases: [{ call: { chain: ["a"], arguments: {} } }] }]);
    for (const text of [policy, "quotas: {}", `${header("Governance")}spec: {}`, cases]) {
      compiled(`# yaml-language-server: $schema=./policy.schema.json\n${text}`);
      compiled(`$schema: ./policy.schema.json\n${text}`);
    }
  });

  test("a detector of the tenant's own is known to every document of the set, and only there", () => {
    const policy = `${header("AgentPolicy")}spec: { agents: [a], tools: [], dlp: [{ detect: [badge], action: mask }] }`;
    const own = `${header("Governance")}spec: { detectors: [{ name: badge, pattern: "B[0-9]+", context: [badge] }] }`;
    expect(compiled(policy, own).policies.detectors).toEqual([{ rule: "f.yaml:9", name: "badge", pattern: "B[0-9]+", context: ["badge"] }]);
    expect(compile([{ name: "f.yaml", text: policy }], { tenant: "acme" })).toMatchObject({
      ok: false,
      faults: [{ line: 4, column: 50, code: "unknown_detector" }],
    });
  });

  test.each([
    ["plain", "          when: args.n > 1 && argz.m\n", 10, 31],
    ["quoted", "          when: 'args.s == ''a'' && argz.m'\n", 10, 37],
    ["a block", "          when: |\n            args.n > 1 &&\n              argz.m\n", 12, 15],
  ])("a fault inside an expression stands where it was written: %s", (_, when, line, column) => {
    const text = `${header("AgentPolicy")}spec:\n  agents: [a]\n  tools:\n    - name: t\n      actions:\n        - name: a\n${when}`;
    const result = compile([{ name: "f.yaml", text }], { tenant: "acme" });
    expect(result).toMatchObject({ ok: false, faults: [{ line, column, code: "invalid_expression" }] });
  });
});
