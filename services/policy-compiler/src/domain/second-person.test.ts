import { expect, test } from "vitest";
import type { Revision } from "./revision.ts";
import { stateOf } from "./revision.ts";
import { judgeApproval } from "./second-person.ts";

const proposal: Revision = {
  tenant: "acme",
  revision: 5,
  version: "5-x",
  digest: `sha256:${"a".repeat(64)}`,
  sourceDigest: `sha256:${"b".repeat(64)}`,
  author: "alice@acme.test",
  message: "",
  createdAt: 0,
  follows: 4,
  proposed: true,
};

test("another person approves what was proposed on the head that still is one", () => {
  expect(judgeApproval(proposal, 4, { approver: "bob@acme.test" })).toEqual({ already: false });
  expect(judgeApproval(proposal, 4, { approver: "bob@acme.test", digest: proposal.digest })).toEqual({ already: false });
});

test("the author approves nothing, under any spelling, on any head", () => {
  for (const approver of ["alice@acme.test", "Alice@ACME.test", "user:alice@acme.test", "USER:alice@acme.test"])
    for (const head of [4, 7]) expect(judgeApproval(proposal, head, { approver })).toEqual({ refused: "own_proposal" });
});

test("an approval of other content, or on another head, is refused and says so", () => {
  expect(judgeApproval(proposal, 4, { approver: "bob", digest: `sha256:${"c".repeat(64)}` })).toEqual({ refused: "other_digest" });
  expect(judgeApproval(proposal, 6, { approver: "bob" })).toEqual({ refused: "stale", follows: 4, head: 6 });
  const { proposed: _, ...published } = proposal;
  expect(judgeApproval(published, 4, { approver: "bob" })).toEqual({ refused: "not_proposed" });
});

test("the same approval again changes nothing, a second one by another person is told who was first", () => {
  const approved = { ...proposal, approver: "bob", approvedAt: 1 };
  expect(judgeApproval(approved, 5, { approver: "user:Bob" })).toEqual({ already: true });
  expect(judgeApproval(approved, 5, { approver: "carol" })).toEqual({ refused: "decided", approver: "bob" });
});

test("a proposal waits, goes stale when the head moves, and is pending once approved", () => {
  expect(stateOf(proposal, 4)).toBe("proposed");
  expect(stateOf(proposal, 6)).toBe("stale");
  expect(stateOf({ ...proposal, approver: "bob" }, 5)).toBe("pending");
});
