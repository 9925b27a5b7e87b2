import { Outcome, ReportOutcomeRequestSchema } from "@aegis/contracts/aegis/authz/v1/authz";
import { breakerKey } from "@aegis/contracts/subjects";
import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { given } from "../../test/given.ts";
import { streakOf } from "./pass-breakers.ts";

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

test("a loop over several replicas pauses the agent after as many calls as a loop over one", async () => {
  const world = given({ policy: watched });
  const elsewhere = (by: string, calls: number) =>
    world.streaks.heard(streakOf("acme", "finance-agent"), by, { kind: "denied", calls }, world.clock.time);
  for (let call = 1; call <= 3; call++) {
    expect(await told(world, {}, { amount: 9_000 })).toMatchObject({ codes: ["parameter_out_of_range"] });
    elsewhere("authz-1", call);
    elsewhere("authz-2", call);
  }
  expect(world.rows, "of a first refusal nobody hears").toEqual([2, 3].map((calls) => ({ kind: "denied", calls })));
  elsewhere("authz-1", 4);
  expect(await told(world)).toMatchObject({ codes: ["circuit_open"] });
  expect(world.probes.tripped).toEqual(["finance-agent denied"]);
});

test("a call that goes through on any replica ends the streak on all", async () => {
  const world = given({ policy: watched });
  const heard = (calls: number) =>
    world.streaks.heard(streakOf("acme", "finance-agent"), "authz-1", { kind: "denied", calls }, world.clock.time);
  for (let call = 0; call < 9; call++) await told(world, {}, { amount: 9_000 });
  heard(0);
  for (let call = 0; call < 9; call++) expect((await told(world, {}, { amount: 9_000 })).codes).not.toContain("circuit_open");
  expect(await told(world, {}, { amount: 1 })).toMatchObject({ decision: "allow" });
  expect(world.rows.at(-1), "the others hear of it").toEqual({ kind: "denied", calls: 0 });
  heard(9);
  expect(await told(world, {}, { amount: 1 })).toMatchObject({ decision: "allow" });
  expect(world.rows.at(-1), "also where only others counted").toEqual({ kind: "denied", calls: 0 });
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
