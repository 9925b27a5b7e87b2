import { expect, test } from "vitest";
import { type AgentCommand, type AgentState, agentCommands, agentStates, transition } from "./agent.ts";

const outcome = (state: AgentState, command: AgentCommand) => {
  const result = transition(state, command);
  return result.kind === "changed" ? result.state : result.kind;
};

/** Every state with every command: activate, suspend, resume, retire, revoke. */
test.each<[AgentState, ...string[]]>([
  ["registered", "active", "refused", "refused", "retired", "revoked"],
  ["active", "unchanged", "suspended", "unchanged", "retired", "revoked"],
  ["suspended", "refused", "unchanged", "active", "retired", "revoked"],
  ["retired", "refused", "refused", "refused", "unchanged", "revoked"],
  ["revoked", "refused", "refused", "refused", "refused", "unchanged"],
])("%s", (state, ...expected) => {
  expect(agentCommands.map((command) => outcome(state, command))).toEqual(expected);
});

test("no way leads back from retired or revoked to where tokens are minted", () => {
  const reached = new Set<AgentState>(["retired"]);
  for (const state of reached) {
    for (const command of agentCommands) {
      const result = transition(state, command);
      if (result.kind === "changed") reached.add(result.state);
    }
  }
  expect(agentStates.filter((state) => reached.has(state))).toEqual(["retired", "revoked"]);
});
