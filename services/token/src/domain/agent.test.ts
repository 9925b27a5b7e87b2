import { expect, test } from "vitest";
import { type AgentCommand, type AgentState, transition } from "./agent.ts";

test.each<[AgentState, AgentCommand, string]>([
  ["active", "suspend", "suspended"],
  ["active", "resume", "unchanged"],
  ["active", "revoke", "revoked"],
  ["suspended", "suspend", "unchanged"],
  ["suspended", "resume", "active"],
  ["suspended", "revoke", "revoked"],
  ["revoked", "suspend", "refused"],
  ["revoked", "resume", "refused"],
  ["revoked", "revoke", "unchanged"],
])("%s, then %s: %s", (state, command, result) => {
  const outcome = transition(state, command);
  expect(outcome.kind === "changed" ? outcome.state : outcome.kind).toBe(result);
});
