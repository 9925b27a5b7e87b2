import fc from "fast-check";
import { expect, test } from "vitest";
import type { Limit } from "../ir.ts";
import { appliesTo, limitsAbout } from "./limits.ts";

const agents = ["a", "ab", "abc", "agent", "b"];
const scope = fc.constantFrom(
  ...["tenant", "tool/agent", "prompt/*", "agent/*", "prompt/*/agent/*", "agent/a*", "prompt/*/agent/ab*"],
  ...agents.flatMap((name) => [`agent/${name}`, `prompt/*/agent/${name}`]),
);
const limits = fc
  .array(scope, { maxLength: 20 })
  .map((scopes) =>
    scopes.map((each, at): Limit => ({ rule: `p.yaml:${at}`, scope: each, unit: "actions", window: "day", limit: at, timeZone: "UTC" })),
  );

test("the limits about an agent are those that apply to it, in source order", () => {
  fc.assert(
    fc.property(limits, fc.constantFrom(undefined, ...agents, "c"), (list, agent) => {
      expect(limitsAbout(list, agent)).toEqual(list.filter((limit) => appliesTo(limit, agent)));
    }),
  );
});

test("a list of 100,000 agents' limits is sorted out once", () => {
  const list = Array.from({ length: 100_000 }, (_, at): Limit => {
    return { rule: "p.yaml:1", scope: `agent/a-${at}`, unit: "actions", window: "day", limit: 1, timeZone: "UTC" };
  });
  let found = 0;
  // Searching the list for each agent would take ten thousand million steps.
  for (let at = 0; at < 100_000; at++) found += limitsAbout(list, `a-${at}`).length;
  expect(found).toBe(100_000);
});
