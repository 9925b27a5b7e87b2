import { digestOf } from "@aegis/canonical/digest";
import fc from "fast-check";
import { expect, test } from "vitest";
import { parseExpression } from "../cel/parse.ts";
import { matchesName } from "../engine/limits.ts";
import { prepare } from "../engine/snapshot.ts";
import type { EvaluationInput, Verdict } from "../input.ts";
import type { ActionRule, Policy, PolicySet } from "../ir.ts";
import type { Change } from "./change.ts";
import { difference } from "./difference.ts";
import { agentsOf } from "./holdings.ts";

const rule = "p.yaml:1";
const digest = digestOf("any");
const maybe = <T>(one: fc.Arbitrary<T>) => fc.option(one, { nil: undefined, freq: 2 });
/** Absent members are left out, as the compiler does. */
type Present<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};
const without = <T extends object>(value: T) =>
  Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as Present<T>;
const made = <T extends object>(shape: fc.Arbitrary<T>) => shape.map(without);
const some = <T>(...from: T[]) => fc.subarray(from, { minLength: 1 });

const parameter = (name: string) =>
  made(
    fc.record({
      name: fc.constant(name),
      rule: fc.constant(rule),
      optional: maybe(fc.constant(true as const)),
      type: maybe(fc.constantFrom("number" as const, "integer" as const, "string" as const)),
      max: maybe(fc.constantFrom(1, 5)),
      exclusiveMin: maybe(fc.constantFrom(0, 2)),
      enum: maybe(some<string | number>(1, 3, "a")),
      beyond: maybe(fc.constant("approval_needed" as const)),
    }),
  ).map((one) => (one.max !== undefined || one.exclusiveMin !== undefined ? { ...one, type: one.type ?? ("number" as const) } : one));

const approval = fc.record({
  rule: fc.constant(rule),
  queue: fc.constantFrom("q1", "q2"),
  quorum: fc.constantFrom(1, 2),
  expiresSeconds: fc.constant(60),
});
const conditions = ["args.p == 1", "has(args.q)"].map((text) => {
  const parsed = parseExpression(text, "condition");
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
  return { rule, expression: parsed.expression };
});
const catalog = made(
  fc.record({
    rule: fc.constant(rule),
    name: fc.constant("x"),
    risk: fc.constant("low" as const),
    costMicroUsd: maybe(fc.constantFrom(3, 4)),
    durability: maybe(fc.constant("T0" as const)),
  }),
).map((action) => [{ rule, name: "t1", actions: [action] }]);
const dlp = made(
  fc.record({
    rule: fc.constant(rule),
    detect: some("email", "us_ssn"),
    in: maybe(some("/q", "/r")),
    action: fc.constantFrom("redact" as const, "mask" as const, "deny" as const),
  }),
);
const actionRule = (name: string): fc.Arbitrary<ActionRule> =>
  made(
    fc.record({
      name: fc.constant(name),
      rule: fc.constant(rule),
      digest: fc.constant(digest),
      mode: fc.constantFrom("enforce" as const, "enforce" as const, "shadow" as const),
      parameters: fc.tuple(maybe(parameter("p")), maybe(parameter("q"))).map((both) => both.filter((one) => one !== undefined)),
      additional: fc.constantFrom("deny" as const, "allow" as const),
      approval: maybe(approval),
      approvalAlways: maybe(fc.constant(true as const)),
      when: maybe(fc.constantFrom(...conditions)),
      costMicroUsd: maybe(fc.constantFrom(1, 2)),
      durability: fc.constantFrom("T0" as const, "T1" as const),
      obligations: fc.subarray(["sandbox", "log"]),
    }),
  );

const policy = (name: string): fc.Arbitrary<Policy> =>
  made(
    fc.record({
      name: fc.constant(name),
      rule: fc.constant(rule),
      mode: fc.constantFrom("enforce" as const, "enforce" as const, "shadow" as const),
      agents: some("ann", "a*", "an*", "bob"),
      purposes: maybe(some("pay", "read").map((allowed) => ({ rule, allowed }))),
      delegation: maybe(
        made(
          fc.record({
            rule: fc.constant(rule),
            acceptFrom: maybe(some("bob", "ann")),
            maxDepth: maybe(fc.constantFrom(0, 1)),
            authority: maybe(fc.constant("intersect" as const)),
          }),
        ),
      ),
      egress: maybe(some("x.test", "*.y.test").map((hosts) => ({ rule, allow: hosts.map((host) => ({ rule, host })) }))),
      dlp: fc.array(dlp, { maxLength: 2 }),
      limits: fc.subarray([
        { rule, scope: "agent/a*", unit: "actions" as const, window: "day" as const, limit: 5, timeZone: "UTC" },
        { rule, scope: "prompt/*/agent/ann", unit: "actions" as const, window: "prompt" as const, limit: 5, timeZone: "UTC" },
      ]),
      session: maybe(fc.constant([{ rule, digest, after: "untrusted", deny: ["t1:*"] }])),
      onDrift: maybe(fc.constantFrom("deny" as const, "approval_needed" as const, "flag" as const).map((action) => ({ rule, action }))),
      tools: fc.array(
        fc.record({
          name: fc.constantFrom("t1", "t2"),
          rule: fc.constant(rule),
          deny: fc.subarray(
            [
              { rule, digest, action: "x*" },
              { rule, digest, action: "y" },
            ],
            { maxLength: 1 },
          ),
          actions: fc.tuple(maybe(actionRule("x")), maybe(actionRule("y"))).map((both) => both.filter((one) => one !== undefined)),
        }),
        { maxLength: 2 },
      ),
    }),
  );

const governance = made(fc.record({ maxDepth: maybe(fc.constantFrom(0, 1)), limits: fc.constant([]), settings: fc.constant({}) }));
const set = made(
  fc.record({
    catalog: maybe(catalog),
    format: fc.constant(1 as const),
    tenant: fc.constant("acme"),
    governance,
    policies: fc
      .tuple(maybe(policy("one")), maybe(policy("two")), maybe(policy("three")))
      .map((all) => all.filter((one) => one !== undefined)),
  }),
);

/** A set and what one or two edits make of it. */
const edited: fc.Arbitrary<readonly [PolicySet, PolicySet]> = fc
  .tuple(
    set,
    fc.array(fc.tuple(fc.nat(9), fc.nat(7), policy("one"), fc.tuple(governance, catalog), fc.nat(1)), { minLength: 1, maxLength: 2 }),
  )
  .map(([before, edits]) => [before, edits.reduce(edit, before)] as const);

type Ground = readonly [PolicySet["governance"], NonNullable<PolicySet["catalog"]>];

function edit(from: PolicySet, [what, at, other, ground, which]: [number, number, Policy, Ground, number]): PolicySet {
  const { policies } = from;
  const place = at % Math.max(1, policies.length);
  const one = policies[place];
  if (one === undefined || what === 0) return { ...from, policies: [...policies, { ...other, name: `new ${policies.length}` }] };
  const replaced = (by: Partial<Policy>): PolicySet => ({ ...from, policies: policies.with(place, without({ ...one, ...by }) as Policy) });
  switch (what) {
    case 1:
      return { ...from, policies: policies.toSpliced(place, 1) };
    case 2:
      return { ...from, policies: policies.toReversed() };
    case 3:
      return replaced({ mode: one.mode === "enforce" ? "shadow" : "enforce" });
    case 4:
      return { ...from, governance: ground[0] };
    case 9:
      return { ...from, catalog: ground[1] };
    case 5:
      return replaced({ name: `renamed ${place}` });
    case 6: {
      const members = ["purposes", "delegation", "egress", "dlp", "limits", "session", "onDrift", "agents"] as const;
      const member = members[at % members.length] as (typeof members)[number];
      return replaced({ [member]: other[member] } as Partial<Policy>);
    }
    case 7: {
      const [first, ...others] = one.tools;
      if (first === undefined) return replaced({ tools: other.tools });
      const rules = other.tools[0]?.actions ?? [];
      return replaced({ tools: [{ ...first, actions: [...rules, ...first.actions].slice(0, 1 + which) }, ...others] });
    }
    default:
      return replaced({ tools: other.tools });
  }
}

const calls: fc.Arbitrary<readonly EvaluationInput[]> = fc.array(
  fc
    .record({
      agent: fc.constantFrom("ann", "anna", "abe", "bob", "zoe"),
      parent: maybe(fc.constantFrom("bob", "ann", "zoe")),
      tool: fc.constantFrom("t1", "t2"),
      action: fc.constantFrom("x", "y", "xx"),
      arguments: made(
        fc.record({
          p: maybe(fc.constantFrom<number | string>(0, 1, 1.5, 3, 9, "a")),
          q: maybe(fc.constantFrom<number | string>("a", 1, "b")),
          r: maybe(fc.constant("z")),
        }),
      ),
      destination: maybe(fc.constantFrom("https://x.test/", "https://z.y.test/", "https://evil.test/").map((url) => ({ url }))),
      context: made(fc.record({ purpose: maybe(fc.constantFrom("pay", "read")), promptId: fc.constantFrom("1", undefined) })),
      labels: fc.subarray(["untrusted"]),
      drift: fc.boolean(),
      found: fc.subarray(["/q", "/r"]),
    })
    .map(
      ({ agent, parent, labels, found, ...call }): EvaluationInput => ({
        ...(without(call) as Pick<EvaluationInput, "tool" | "action" | "arguments" | "context">),
        principal: {
          tenant: "acme",
          agent,
          subject: agent,
          chain: parent === undefined ? [agent] : [agent, parent],
          depth: parent === undefined ? 0 : 1,
          scope: ["t1:*", "t2:*"],
        },
        session: { labels, calls: [] },
        now: 0,
        findings: found.map((pointer) => ({ pointer, detector: "email" as const, start: 0, end: 3, inKey: false })),
      }),
    ),
  { minLength: 40, maxLength: 80 },
);

/** What a reviewer must hear of when it differs. Reasons and their places are no decisions. */
const decided = ({ decision, overridable, approval: asked, redactions, shadow, charges, cost, obligations, durability }: Verdict) =>
  JSON.stringify([
    decision,
    overridable,
    asked,
    redactions.map(({ finding, action }) => [finding.pointer, action]),
    shadow?.decision,
    charges.map((one) => JSON.stringify(one)).sort(),
    cost,
    [...obligations].sort(),
    durability,
  ]);

const content = (policies: PolicySet) => prepare({ tenant: "acme", revision: 1, version: "1-x", digest, policies });

/** Whether a change names the caller, as the two sets tell agents apart, or an actor it acts for, and the call. */
function names(change: Change, { principal, tool, action }: EvaluationInput, agents: readonly string[]): boolean {
  const known = (agent: string) =>
    agents.includes(agent)
      ? agent
      : agents.filter((one) => one.endsWith("*") && matchesName(one, agent)).sort((a, b) => b.length - a.length)[0];
  return (
    (change.agent === "*" || principal.chain.some((actor) => known(actor) === change.agent)) &&
    (change.tool === undefined || change.tool === tool) &&
    (change.action === undefined || matchesName(change.action, action))
  );
}

/** Pairs of sets: a few hundred at every run of the suite, as many as one likes with AEGIS_DIFFERENCE_RUNS. */
const runs = Number(process.env.AEGIS_DIFFERENCE_RUNS ?? 500);

test("whenever two sets decide a call differently, a change names the caller and the call", () => {
  let differing = 0;
  fc.assert(
    fc.property(edited, calls, ([before, after], inputs) => {
      const changes = difference(before, after);
      const agents = agentsOf(before, after);
      const [was, is] = [content(before), content(after)];
      for (const input of inputs) {
        const [from, to] = [decided(was.evaluate(input)), decided(is.evaluate(input))];
        if (from === to) continue;
        differing++;
        expect(
          changes.filter((change) => names(change, input, agents)),
          `${from}\n${to}`,
        ).not.toEqual([]);
      }
    }),
    { numRuns: runs },
  );
  expect(differing, "the edits reach decisions").toBeGreaterThan(runs);
}, 120_000);

test("the same set differs from itself in nothing, whatever its names, order of members and places", () => {
  fc.assert(
    fc.property(set, (one) => {
      const moved = JSON.parse(JSON.stringify(one).replaceAll(rule, "other.yaml:7")) as PolicySet;
      const renamed = { ...moved, policies: moved.policies.map((each, at) => ({ ...each, name: `n${at}` })) };
      expect(difference(one, renamed)).toEqual([]);
    }),
  );
});
