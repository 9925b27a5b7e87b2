import { expect, test } from "vitest";
import { Chance, type GeneratedCall, generatedCall, mutations, recordOf } from "../../../test/generated-traffic.ts";
import { compile } from "../../language/compile.ts";
import { prepareDraft } from "../draft.ts";
import { simulate } from "../simulate.ts";
import { learn, Traffic } from "./learn.ts";

const options = { tenant: "acme", agent: "finance-agent", leastCalls: 2, mostBytes: 64 * 1024 };

function learned(calls: readonly GeneratedCall[]) {
  const traffic = new Traffic(options);
  calls.forEach((call, at) => {
    traffic.add(recordOf(call, at));
  });
  return learn(traffic, options);
}

/** Decides as the draft would. */
function decider(draft: string) {
  const compiled = compile([{ name: "learned.yaml", text: draft }], { tenant: "acme" });
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.faults));
  const snapshot = prepareDraft(compiled.policies);
  return ({ tool, action, arguments: args, url, method, purpose }: GeneratedCall) =>
    simulate(snapshot, {
      principal: {
        tenant: "acme",
        agent: "finance-agent",
        subject: "finance-agent",
        chain: ["finance-agent"],
        depth: 0,
        scope: [`${tool}:*`],
      },
      tool,
      action,
      arguments: args,
      ...(url !== undefined && { destination: { url, method } }),
      context: { purpose },
      now: 0,
    });
}

test.each([1, 2, 3])("of seed %i, a draft from seven tenths of the calls allows the others and refuses what is not like them", (seed) => {
  const chance = new Chance(seed);
  const calls = Array.from({ length: 6_000 }, (_, at) => generatedCall(chance, at));
  const split = calls.map(() => chance.next() < 0.7);
  const result = learned(calls.filter((_, at) => split[at]));
  const decide = decider(result.draft);
  const others = calls.filter((_, at) => !split[at]);
  const refused = others.filter((call) => decide(call).decision !== "allow");
  expect(refused.length / others.length).toBeLessThanOrEqual(0.02);
  let mutated = 0;
  const through: Record<string, number> = {};
  for (const call of others) {
    for (const [name, mutate] of Object.entries(mutations)) {
      const other = mutate(call, chance);
      if (other === undefined) continue;
      mutated++;
      if (decide(other).decision !== "deny") through[name] = (through[name] ?? 0) + 1;
    }
  }
  const passed = Object.values(through).reduce((sum, count) => sum + count, 0);
  expect(passed / mutated, JSON.stringify(through)).toBeLessThanOrEqual(0.05);
  expect(result.bytes).toBeLessThanOrEqual(result.mostBytes);
});
