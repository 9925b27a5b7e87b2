import { person } from "@aegis/contracts/operator";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Approval, type Change, type Command, decide, evolve, lapsed, overrideLifetimeMs, type Vote } from "./approval.ts";

const requester = { agent: "finance-agent", subject: "user:u-42", chain: ["finance-agent", "planner-agent"], owner: "olga@acme.test" };
const asked: Approval = { state: "pending", requester, quorum: 2, expiresAt: 1_000, votes: [], decidedBy: [] };

const vote = (user: string, decision: "approve" | "deny", at = 10): Vote => ({ user, decision, comment: "", at });
const voted = (user: string, decision: "approve" | "deny", at = 10): Change => ({ type: "voted", vote: vote(user, decision, at) });
const cast = (user: string, decision: "approve" | "deny", at = 10): Command => ({ type: "vote", vote: vote(user, decision, at) });

const given = (...changes: Change[]) => ({
  when: (command: Command) => decide(changes.reduce(evolve, asked), command),
});
const approvedByTwo: Change[] = [voted("ann", "approve"), voted("bob", "approve"), { type: "approved", by: ["ann", "bob"], at: 10 }];

describe("votes", () => {
  test("one yes of two leaves it pending", () => {
    expect(given().when(cast("ann", "approve"))).toEqual({ changes: [voted("ann", "approve")] });
  });

  test("the quorum's last yes approves and names everybody who agreed", () => {
    expect(given(voted("ann", "approve")).when(cast("bob", "approve"))).toEqual({
      changes: [voted("bob", "approve"), { type: "approved", by: ["ann", "bob"], at: 10 }],
    });
  });

  test("a person counts once, however often and under whatever spelling they click", () => {
    expect(given(voted("ann", "approve")).when(cast("ann", "approve"))).toEqual({ changes: [] });
    expect(given(voted("ann", "approve")).when(cast("user:Ann", "approve"))).toEqual({ changes: [] });
  });

  test("one no ends it", () => {
    expect(given(voted("ann", "approve")).when(cast("bob", "deny"))).toEqual({
      changes: [voted("bob", "deny"), { type: "denied", by: "bob", at: 10 }],
    });
  });

  test("a no that comes just after the last yes still wins", () => {
    expect(
      given(...approvedByTwo)
        .when(cast("cleo", "deny"))
        .changes.at(-1),
    ).toEqual({ type: "denied", by: "cleo", at: 10 });
  });

  test("who approved may still change their mind to no", () => {
    expect(
      given(...approvedByTwo)
        .when(cast("ann", "deny"))
        .changes.at(-1),
    ).toEqual({ type: "denied", by: "ann", at: 10 });
  });

  test("no yes follows a no", () => {
    const denied: Change[] = [voted("bob", "deny"), { type: "denied", by: "bob", at: 10 }];
    expect(given(...denied).when(cast("ann", "approve"))).toEqual({ changes: [], refused: "already_decided" });
  });

  test("once redeemed, a no comes too late", () => {
    const redeemed: Change[] = [...approvedByTwo, { type: "redeemed", decisionId: "d", at: 11 }];
    expect(given(...redeemed).when(cast("cleo", "deny"))).toEqual({ changes: [], refused: "already_decided" });
  });

  test.each(["u-42", "user:u-42", "U-42", "finance-agent", "planner-agent", "olga@acme.test"])(
    "%s may not answer their own request",
    (user) => {
      expect(given().when(cast(user, "approve"))).toEqual({ changes: [], refused: "own_request" });
      expect(given().when(cast(user, "deny")).refused).toBe("own_request");
    },
  );

  test("a vote after the deadline finds it expired, and is not counted", () => {
    expect(given().when(cast("ann", "deny", 1_000))).toEqual({
      changes: [{ type: "expired", at: 1_000 }],
      refused: "already_decided",
    });
  });
});

describe("time", () => {
  test("nothing expires before its time, and expiry has no author", () => {
    expect(given().when({ type: "expire", at: 999 })).toEqual({ changes: [], refused: "not_due" });
    expect(given().when({ type: "expire", at: 1_000 })).toEqual({ changes: [{ type: "expired", at: 1_000 }] });
    expect(evolve(asked, { type: "expired", at: 1_000 }).decidedBy).toEqual([]);
  });

  test("a yes in the last minute stays good for the override's whole lifetime", () => {
    expect(evolve(asked, { type: "approved", by: ["ann"], at: 990 }).expiresAt).toBe(990 + overrideLifetimeMs);
    expect(evolve({ ...asked, expiresAt: 10_000_000 }, { type: "approved", by: ["ann"], at: 990 }).expiresAt).toBe(10_000_000);
  });

  test("a decided one neither expires nor is cancelled", () => {
    const denied: Change = { type: "denied", by: "bob", at: 10 };
    expect(given(denied).when({ type: "expire", at: 2_000 }).refused).toBe("already_decided");
    expect(given(denied).when({ type: "cancel", by: "system", at: 20 }).refused).toBe("already_decided");
  });
});

test("however votes, expiry, cancellation and redemption interleave: one final state, no yes after a no, quorum of people who may", () => {
  const users = fc.constantFrom("ann", "user:ANN", "bob", "cleo", "u-42", "olga@acme.test");
  const step = fc.record({
    wait: fc.nat(400_000),
    what: fc.oneof(
      fc.record({
        type: fc.constant("vote" as const),
        user: users,
        decision: fc.constantFrom("approve" as const, "approve" as const, "deny" as const),
      }),
      fc.record({ type: fc.constantFrom("expire" as const, "cancel" as const, "redeem" as const) }),
    ),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), fc.integer({ min: 1, max: 3 }), (steps, quorum) => {
      let approval: Approval = { ...asked, quorum, expiresAt: 1_000_000 };
      let now = 0;
      const seen: string[] = [];
      for (const { wait, what } of steps) {
        now += wait;
        const changes = changesOf(approval, what, now);
        for (const change of changes) {
          const before = approval.state;
          approval = evolve(approval, change);
          if (approval.state === before) continue;
          seen.push(approval.state);
          if (approval.state === "approved") {
            const people = new Set(approval.votes.filter((each) => each.decision === "approve").map((each) => person(each.user)));
            expect(people.size).toBeGreaterThanOrEqual(quorum);
            expect(people.has("u-42") || people.has("olga@acme.test")).toBe(false);
            expect(approval.votes.some((each) => each.decision === "deny")).toBe(false);
          }
        }
      }
      const final = seen.filter((state) => state !== "approved");
      expect(final.length).toBeLessThanOrEqual(1);
      expect(seen.filter((state) => state === "approved").length).toBeLessThanOrEqual(1);
      if (seen.includes("approved")) expect(seen.indexOf("approved")).toBe(0);
      if (seen.includes("redeemed")) expect(seen).toEqual(["approved", "redeemed"]);
    }),
    { numRuns: 10_000 },
  );
});

type Step = { type: "vote"; user: string; decision: "approve" | "deny" } | { type: "expire" | "cancel" | "redeem" };

function changesOf(approval: Approval, what: Step, now: number): readonly Change[] {
  if (what.type === "vote") return decide(approval, cast(what.user, what.decision, now)).changes;
  if (what.type === "cancel") return decide(approval, { type: "cancel", by: "system", at: now }).changes;
  if (what.type === "expire") return decide(approval, { type: "expire", at: now }).changes;
  return approval.state === "approved" && !lapsed(approval, now) ? [{ type: "redeemed", decisionId: "d", at: now }] : [];
}
