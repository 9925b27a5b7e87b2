import { expect, test } from "vitest";
import { withUse } from "./inventory.ts";

const entry = {
  ...{ tenant: "acme", agent: "a", clientId: "acme/a", owner: "o", purpose: "", kind: "agentic", risk: "low", org: "acme" },
  ...{ scope: ["pay:*", "mail:send", "mail:read"], mayAct: [], publicJwk: {}, scopeReviews: [], unjustified: [], overdue: [] },
  ...{ state: "active" as const, stateSince: "", createdAt: "" },
};
const call = (agent: string, tool: string, action: string, decision: string, last: string, dryRun = false) => ({
  ...{ agent, tool, action, decision, last, dryRun },
});

test("an item is used when an allowed call of the agent itself needed it", () => {
  const { unused, lastCallAt } = withUse(entry, [
    call("a", "pay", "refund", "allow", "2026-01-02T00:00:00Z"),
    call("a", "mail", "send", "deny", "2026-01-03T00:00:00Z"),
    call("a", "mail", "send", "allow", "2026-01-05T00:00:00Z", true),
    call("b", "mail", "read", "allow", "2026-01-04T00:00:00Z"),
  ]);
  expect([unused, lastCallAt]).toEqual([["mail:send", "mail:read"], "2026-01-03T00:00:00Z"]);
});
