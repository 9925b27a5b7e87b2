import { expect, test } from "vitest";
import { type Attempt, explain, type Override } from "./override.ts";

const binding = { tenant: "acme", agent: "finance-agent", instance: "i-1", actionDigest: "sha256:a", ruleDigest: "sha256:r" };
const override: Override = { approvalId: "x", approvers: ["ann"], binding, state: "approved", expiresAt: 1_000 };
const attempt: Attempt = { ...binding, decisionId: "d-1" };
const spent: Override = { ...override, state: "redeemed", redeemedBy: "d-1" };

test("the decision that spent it hears the same answer again", () => {
  expect(explain(spent, attempt, 5_000)).toEqual({ result: "redeemed" });
});

test("another decision hears who spent it", () => {
  expect(explain(spent, { ...attempt, decisionId: "d-2" }, 10)).toMatchObject({ result: "invalid", spentBy: "d-1" });
});

test.each(["tenant", "agent", "instance", "actionDigest", "ruleDigest"] as const)("a retry with another %s is no retry", (member) => {
  expect(explain(spent, { ...attempt, [member]: "other" }, 10).result).toBe("invalid");
});

test.each(["tenant", "agent", "instance", "actionDigest"] as const)("another %s is invalid even when the rule changed too", (member) => {
  expect(explain(override, { ...attempt, ruleDigest: "sha256:new", [member]: "other" }, 10).result).toBe("invalid");
});

test("the same call under a changed rule says so", () => {
  expect(explain(override, { ...attempt, ruleDigest: "sha256:new" }, 10).result).toBe("policy_changed");
});

test("expired, unknown and undecided ones are invalid", () => {
  expect(explain(override, attempt, 1_000)).toMatchObject({ result: "invalid", message: "this override has expired" });
  expect(explain(undefined, attempt, 10)).toMatchObject({ result: "invalid" });
  expect(explain({ ...override, state: "denied" }, attempt, 10)).toMatchObject({ message: "this approval is denied" });
});

test("nothing that was not spent is ever explained as redeemed", () => {
  expect(explain(override, attempt, 10).result).toBe("invalid");
});
