import type { JsonValue } from "@aegis/canonical/ijson";
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

test.each([1, 2, 3])(
  "of seed %i, a draft from seven tenths of the calls allows the others and refuses what is not like them",
  async (seed) => {
    const chance = new Chance(seed);
    const calls = Array.from({ length: 6_000 }, (_, at) => generatedCall(chance, at));
    const split = calls.map(() => chance.next() < 0.7);
    const result = await learned(calls.filter((_, at) => split[at]));
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
  },
);

/** So many calls of one action whose one parameter is made by `value`. */
const callsOf = (count: number, value: (at: number, chance: Chance) => JsonValue | undefined) => {
  const chance = new Chance(5);
  return Array.from({ length: count }, (_, at): GeneratedCall => {
    const made = value(at, chance);
    return { tool: "tool", action: "act", arguments: made === undefined ? {} : { it: made } };
  });
};

const digits = "0123456789";
const iban = (chance: Chance): string => {
  const account = chance.text(digits, 18);
  const check = 98 - Number(BigInt(`${account}131400`) % 97n);
  return `DE${String(check).padStart(2, "0")}${account}`;
};

test.each<[what: string, value: (at: number, chance: Chance) => JsonValue | undefined, like: JsonValue[], unlike: JsonValue[]]>([
  ["a list with a tail", (_, chance) => chance.tailed([..."abcdefgh"]), ["a", "c"], ["z", "aa", 1]],
  [
    "identifiers",
    (_, chance) => `cus_${chance.text("abcdef0123456789", 14)}`,
    ["cus_00112233445566"],
    ["acct_00112233445566", "eve@evil.example", "cus_"],
  ],
  [
    "one of two prefixes",
    (_, chance) => `${chance.pick(["INV", "CRN"])}-2026-${chance.text(digits, 5)}`,
    ["INV-2026-00000"],
    ["XXX-2026-00000", "INV-2026"],
  ],
  [
    "e-mail addresses, which are recorded redacted",
    (_, chance) => `${chance.text("abcdef", 6)}@acme.test`,
    ["someone@acme.test"],
    ["someone", "acct_1 or 2", 7],
  ],
  [
    "bank accounts, which are recorded redacted",
    (_, chance) => iban(chance),
    ["DE89370400440532013000"],
    ["eve@evil.example", "acct_x", 5],
  ],
  [
    "numbers that are recorded redacted now and then",
    (_, chance) => (chance.next() < 0.2 ? 4111111111111111 : chance.below(1000)),
    [5, 999],
    ["5", -9_000],
  ],
  ["amounts", (_, chance) => Math.round(100 * Math.exp(3 + chance.normal())) / 100, [12.34, 200], [20_000, "12", -5]],
  ["a growing number", (at) => 1_000_000 + 3 * at, [1_050_000], [100_000_000, "1000000", 12]],
  ["true or false", (_, chance) => chance.next() < 0.3, [true, false], ["yes", 1]],
  [
    "free text",
    (_, chance) =>
      Array.from({ length: 1 + chance.below(30) }, () => chance.text("abcdefghij é.,!?'-()#&%", 1 + chance.below(9))).join(" "),
    ["hello, wörld!"],
    ["x".repeat(5_000), 5],
  ],
  [
    "lists of words",
    (_, chance) => Array.from({ length: chance.below(4) }, () => chance.pick(["a", "b", "c"])),
    [["a"], []],
    ["a", ["z"], Array(99).fill("a")],
  ],
  [
    "objects",
    (_, chance) => ({ zip: chance.text(digits, 5), ...(chance.next() < 0.5 ? { note: "x" } : {}) }),
    [{ zip: "12345" }],
    [{ zip: "12345", admin: true }, { note: "x" }, { zip: 12345 }, "x"],
  ],
  ["a value or null", (_, chance) => (chance.next() < 0.5 ? null : chance.text("abc", 200)), [null, "a".repeat(200)], [{}, 5]],
  ["names that are data", (at) => ({ [`key ${at}`]: 1 }), [{ other: 1 }], ["x"]],
])("%s: what is like it passes, what is not does not", async (_what, value, like, unlike) => {
  const { draft } = await learned(callsOf(600, value));
  const decide = decider(draft);
  const decision = (it: JsonValue) => decide({ tool: "tool", action: "act", arguments: { it } }).decision;
  for (const one of like) expect([one, decision(one)], draft).toEqual([one, "allow"]);
  for (const one of unlike) expect([one, decision(one)], draft).toEqual([one, "deny"]);
});

test("what is rare is left out and named; nothing is made of nothing, of refused calls or of dry runs", async () => {
  const calls = [...callsOf(50, () => "x"), { tool: "tool", action: "once", arguments: {} }];
  expect(await learned(calls)).toMatchObject({ tools: 1, actions: 1, leftOut: [{ tool: "tool", action: "once", calls: 1 }] });
  expect(await learned([])).toMatchObject({ draft: "", calls: 0 });
  const traffic = new Traffic(options);
  traffic.add(recordOf(calls[0] as GeneratedCall, 1, { decision: "deny" }));
  traffic.add(recordOf(calls[0] as GeneratedCall, 2, { dryRun: true }));
  expect(await learn(traffic, options)).toMatchObject({ draft: "", calls: 0, refused: 1, dryRuns: 1 });
});

test("a draft keeps to its size, by shorter lists first and then without its rarest actions", async () => {
  const chance = new Chance(3);
  const calls = Array.from({ length: 4_000 }, (_, at): GeneratedCall => {
    const action = `action_${Math.min(at % 97, chance.below(97))}`;
    return {
      tool: "tool",
      action,
      arguments: { kind: chance.pick(["one", "two", "three"]), name: chance.text("abcdef", 8), size: chance.below(50) },
    };
  });
  const traffic = new Traffic(options);
  calls.forEach((call, at) => {
    traffic.add(recordOf(call, at));
  });
  const small = await learn(traffic, { ...options, mostBytes: 8_192 });
  expect(small.bytes).toBeLessThanOrEqual(8_192);
  expect(small.actions).toBeGreaterThan(5);
  expect(small.actions + small.leftOut.length).toBe(traffic.actions.size);
  decider(small.draft);
});

test("names that YAML or CEL would read otherwise are written so that they are read as themselves", async () => {
  const names = ["true", "null", "in", "a b", "ö", 'quo"te', "it's", "- x", "#", "{}", "1", "a\nb"];
  const inner = { ...Object.fromEntries(names.map((name) => [name, "v"])) };
  const calls = Array.from({ length: 60 }, (): GeneratedCall => ({ tool: "yes", action: "1:2/3.4", arguments: { ...inner, deep: inner } }));
  const decide = decider((await learned(calls)).draft);
  expect(decide(calls[0] as GeneratedCall).decision).toBe("allow");
  expect(decide({ ...(calls[0] as GeneratedCall), arguments: { ...inner, deep: { ...inner, more: 1 } } }).decision).toBe("deny");
});
