import { expect, test } from "vitest";
import type { Candidate } from "./candidate.ts";
import { tally } from "./tally.ts";

const entry = (tenant: string, kind: Candidate["kind"], data: object, type = "dev.aegis.decision.made.v1") =>
  ({ tenant, kind, fields: { type, data } }) as unknown as Candidate;

test("a batch is counted by tenant, by decision and by how the policy stood; dry runs are not", () => {
  const counted = tally([
    entry("acme", "decision", { decision: "allow", reasons: [], cost: { microUsd: 10, tokens: 2 } }),
    entry("acme", "decision", { decision: "allow", reasons: [], cost: { microUsd: 5, tokens: 0 } }),
    entry("acme", "decision", { decision: "allow", reasons: [], dryRun: true, cost: { microUsd: 99, tokens: 0 } }),
    entry("acme", "decision", { decision: "allow", reasons: [], shadow: { decision: "deny" } }),
    entry("acme", "decision", { decision: "deny", reasons: [{ code: "policy_missing" }] }),
    entry("globex", "decision", { decision: "deny", reasons: [{ code: "rate_limited" }] }),
    entry("globex", "outcome", { outcome: "rolled_back" }),
    entry("globex", "control", {}, "dev.aegis.policy.promoted.v1"),
  ]);
  expect(counted.tenants.get("acme")).toEqual({
    decisions: new Map([
      ["allow enforced", 2],
      ["allow shadow", 1],
      ["deny none", 1],
    ]),
    wouldDeny: 1,
    microUsd: 15,
    tokens: 2,
    outcomes: new Map(),
  });
  expect(counted.tenants.get("globex")).toMatchObject({
    decisions: new Map([["deny enforced", 1]]),
    outcomes: new Map([["rolled_back", 1]]),
  });
  expect(counted.control).toEqual(new Map([["policy.promoted", 1]]));
});
