import { expect, test } from "vitest";
import { Chance } from "../../test/generated-traffic.ts";
import { compile } from "../language/compile.ts";
import { driftOf, type RegisteredAgent, type UsageCount } from "./drift.ts";

const text = `
apiVersion: aegis.dev/v1
kind: AgentPolicy
metadata: { name: finance, tenant: acme }
spec:
  agents: [finance-agent, worker-*]
  tools:
    - { name: bank, justification: pays, review_by: "2026-01-31", actions: [{ name: pay }, { name: refund }] }
    - { name: mail, review_by: "2027-01-31", actions: [{ name: send }] }
---
apiVersion: aegis.dev/v1
kind: AgentPolicy
metadata: { name: helpers, tenant: acme }
spec:
  agents: [helper, ghost-*]
  mode: shadow
  tools: [{ name: mail, justification: writes, actions: [{ name: send }, { name: read }] }]
`;

const compiled = compile([{ name: "p.yaml", text }], { tenant: "acme" });
if (!compiled.ok) throw new Error(JSON.stringify(compiled.faults));
const { policies } = compiled;

const agents = ["finance-agent", "worker-1", "worker-2", "helper", "stranger", "rogue"];
const calls = ["bank pay", "bank refund", "mail send", "mail read"];

/** The same by the plainest means: every agent against every grant. */
function byHand(usage: readonly UsageCount[], registered: readonly RegisteredAgent[]) {
  const used = (agent: string, tool: string, action: string) =>
    usage.some((one) => one.agent === agent && one.tool === tool && one.action === action && one.decision !== "deny" && !one.dryRun);
  const seen = new Set(usage.map(({ agent }) => agent));
  const known = new Set([...seen, ...registered.filter(({ state }) => state !== "revoked").map(({ agent }) => agent)]);
  const workers = [...known].filter((agent) => agent.startsWith("worker-"));
  const grants = [
    ...["finance-agent", ...(workers.length > 0 ? workers : ["worker-*"])].flatMap((agent) =>
      ["bank pay", "bank refund", "mail send"].map((call) => ["finance", agent, ...call.split(" ")]),
    ),
    ...["helper", "ghost-*"].flatMap((agent) => ["mail send", "mail read"].map((call) => ["helpers", agent, ...call.split(" ")])),
  ];
  const names = new Set(registered.map(({ agent }) => agent));
  return {
    unused: grants.filter(([, agent = "", tool = "", action = ""]) => !used(agent, tool, action)).map((grant) => grant.join(" ")),
    unregistered: [...seen].filter((agent) => !names.has(agent)),
    ungoverned: [...seen].filter((agent) => !/^(finance-agent|worker-.*|helper|ghost-.*)$/.test(agent)),
    unseen: registered.filter(({ agent, state }) => state !== "revoked" && !seen.has(agent)).map(({ agent }) => agent),
  };
}

test.each([1, 2, 3, 4, 5, 6, 7, 8])("grants against use and registry are what a comparison of each with each finds (seed %i)", (seed) => {
  const chance = new Chance(seed);
  const usage = agents.flatMap((agent) =>
    calls
      .filter(() => chance.next() < 0.4)
      .map((call): UsageCount => {
        const [tool = "", action = ""] = call.split(" ");
        const decision = chance.pick(["allow", "deny", "sanitize", "approval_needed"]);
        return { agent, tool, action, decision, dryRun: chance.next() < 0.2, calls: 1 + chance.below(9), last: "2026-11-01T00:00:00.000Z" };
      }),
  );
  const registered = [...agents, "sleeper"]
    .filter(() => chance.next() < 0.6)
    .map(
      (agent): RegisteredAgent => ({
        agent,
        state: chance.pick(["active", "active", "suspended", "revoked"]),
        createdAt: "2026-01-01T00:00:00.000Z",
      }),
    );
  const report = driftOf(policies, usage, registered, "2026-11-20");
  const expected = byHand(usage, registered);
  expect(report.unused.map(({ policy, agent, tool, action }) => [policy, agent, tool, action].join(" ")).sort()).toEqual(
    expected.unused.sort(),
  );
  expect(report.unregistered.map(({ agent }) => agent).sort()).toEqual(expected.unregistered.sort());
  expect(report.ungoverned.map(({ agent }) => agent).sort()).toEqual(expected.ungoverned.sort());
  expect(report.unseen.map(({ agent }) => agent).sort()).toEqual(expected.unseen.sort());
  expect(report.unjustified).toEqual([{ policy: "finance", tool: "mail", rule: expect.stringMatching(/^p\.yaml:\d+$/) }]);
  expect(report.overdue.map(({ tool, reviewBy }) => [tool, reviewBy])).toEqual([["bank", "2026-01-31"]]);
  expect(report.drifted).toBe(true);
});

test("what an explicit deny covers is no grant: of the policy itself, or of one in force for the agent", () => {
  const grant = (name: string, agent: string, rest: string) => `
apiVersion: aegis.dev/v1
kind: AgentPolicy
metadata: { name: ${name} }
spec:
  agents: ["${agent}"]
${rest}
`;
  const set = compile(
    [
      {
        name: "a.yaml",
        text: grant("a", "one", "  tools: [{ name: db, deny: [delete_*], actions: [{ name: read }, { name: delete_row }] }]"),
      },
      { name: "b.yaml", text: grant("b", "two", "  tools: [{ name: db, actions: [{ name: read }, { name: purge }, { name: drop }] }]") },
      { name: "c.yaml", text: grant("c", "t*", "  tools: [{ name: db, deny: [purge] }]") },
      { name: "d.yaml", text: grant("d", "two", "  mode: shadow\n  tools: [{ name: db, deny: [drop] }]") },
    ],
    { tenant: "acme" },
  );
  if (!set.ok) throw new Error(JSON.stringify(set.faults));
  const { unused, entitlements } = driftOf(set.policies, [], [], "2026-11-20");
  expect(unused.map(({ agent, action }) => `${agent} ${action}`)).toEqual(["one read", "two read", "two drop"]);
  expect(entitlements).toBe(3);
});
