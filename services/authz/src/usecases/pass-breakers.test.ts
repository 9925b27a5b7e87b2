import { Outcome, ReportOutcomeRequestSchema } from "@aegis/contracts/aegis/authz/v1/authz";
import { breakerKey } from "@aegis/contracts/subjects";
import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { given } from "../../test/given.ts";

const payments =
  "agent: finance-agent\nallowed_tools:\n- name: stripe-payments\n  actions: [create_payment]\n  conditions: { max_amount: 5000 }";
const watched = `${payments}\n---\nquotas: { circuit_breaker: pause_and_notify }`;

type World = ReturnType<typeof given>;

const open = ({ breakers, clock }: World, scope: string, pauseMs = 30_000) =>
  breakers.told(breakerKey("acme", scope), { scope, cause: "failures", until: clock.time + pauseMs });

const told = async (world: World, ...call: Parameters<World["call"]>) => {
  const { decision, reasons, retryAfter } = await world.call(...call);
  return { decision, codes: reasons.map(({ code }) => code), retryAfter };
};

test("a paused agent's calls are refused with the time to wait, without asking anybody", async () => {
  const world = given({ policy: watched });
  open(world, "agent/finance-agent");
  expect(await told(world)).toEqual({ decision: "deny", codes: ["circuit_open"], retryAfter: 30 });
  expect(await told(world, {}, { amount: 9_000 })).toMatchObject({ codes: ["parameter_out_of_range", "circuit_open"] });
  expect(world.probes.asked).toEqual([]);
});

test("a paused prompt stops this prompt's calls and no others", async () => {
  const world = given({ policy: watched });
  open(world, "prompt/p%201");
  expect(await told(world, { context: { promptId: "p 1" } })).toMatchObject({ codes: ["circuit_open"] });
  expect(await told(world, { context: { promptId: "p2" } })).toMatchObject({ decision: "allow" });
});

test("after the pause, a call goes ahead only as a probe that the budget service admits, and one is asked for at a time", async () => {
  const world = given({ policy: watched });
  open(world, "agent/finance-agent", 1_000);
  world.clock.time += 1_000;
  expect(await told(world)).toEqual({ decision: "deny", codes: ["circuit_open"], retryAfter: 3 });
  expect(await told(world)).toMatchObject({ codes: ["circuit_open"] });
  expect(world.probes.asked).toHaveLength(1);
  world.clock.time += 1_000;
  world.probes.left = 1;
  const probe = await world.call();
  expect(probe.decision).toBe("allow");
  expect(world.probes.asked.at(-1)).toEqual({ scopes: ["agent/finance-agent"], decisionId: probe.id });
  expect(await told(world), "while the probe is out").toMatchObject({ codes: ["circuit_open"] });
});

test("a breaker that closed, or that no policy wants any more, stops nobody; a dry run probes nothing", async () => {
  const world = given({ policy: watched });
  open(world, "agent/finance-agent");
  expect(await told(world, { dryRun: true })).toMatchObject({ decision: "allow" });
  world.breakers.told(breakerKey("acme", "agent/finance-agent"), undefined);
  expect(await told(world)).toMatchObject({ decision: "allow" });
  const unwatched = given({ policy: payments });
  open(unwatched, "agent/finance-agent");
  expect(await told(unwatched)).toMatchObject({ decision: "allow" });
});

test("an agent that is refused time and again here is paused here at once, until the budget service lets it through", async () => {
  const world = given({ policy: watched });
  for (let call = 0; call < 10; call++)
    expect(await told(world, {}, { amount: 9_000 })).toMatchObject({ codes: ["parameter_out_of_range"] });
  expect(await told(world)).toEqual({ decision: "deny", codes: ["circuit_open"], retryAfter: 30 });
  expect(world.probes.tripped).toEqual(["finance-agent denied"]);
  world.clock.time += 30_000;
  world.probes.left = 1;
  expect(await told(world)).toMatchObject({ decision: "allow" });
  expect(await told(world)).toMatchObject({ decision: "allow" });
  expect(world.probes.asked).toHaveLength(1);
});

test("one call that goes through ends a streak, and a minute of silence does", async () => {
  const world = given({ policy: watched });
  for (let call = 0; call < 40; call++)
    expect((await told(world, {}, { amount: call % 9 ? 9_000 : 1 })).codes).not.toContain("circuit_open");
  world.clock.time += 61_000;
  expect(await told(world)).toMatchObject({ decision: "allow" });
});

test("calls that fail one after the other pause an agent at once", async () => {
  const world = given({ policy: watched });
  for (let call = 0; call < 5; call++) {
    const { id } = await world.call();
    await world.reportOutcome(
      create(ReportOutcomeRequestSchema, { agentToken: "good", decisionId: id, outcome: Outcome.FAILED }),
      world.caller,
    );
  }
  expect(await told(world)).toMatchObject({ codes: ["circuit_open"] });
  expect(world.probes.tripped).toEqual(["finance-agent failures"]);
});
