import { expect, test } from "vitest";
import { type Presentable, type Progress, taskOf, whyNotSpent } from "./task.ts";

const pending: Progress = { id: "a", state: "pending", quorum: 2, approvers: 1, expiresAt: 1_000 };

test.each<[string, Partial<Progress>, string, object | undefined]>([
  ["waits", {}, "pending", undefined],
  ["is refused before enough people agreed", { state: "denied" }, "denied", undefined],
  ["is taken back before anybody decided", { state: "cancelled", approvers: 0 }, "cancelled", undefined],
  ["runs out of time", { state: "expired" }, "expired", undefined],
  ["is agreed to", { state: "approved", approvers: 2, decidedAt: 500 }, "approved", { approvedAt: 500, approvedUntil: 1_000 }],
  ["is spent", { state: "redeemed", approvers: 2, decidedAt: 500, redeemedAt: 600 }, "approved", { approvedAt: 500, approvedUntil: 600 }],
  ["is refused after all", { state: "denied", approvers: 2, decidedAt: 500 }, "approved", { approvedAt: 500, approvedUntil: 500 }],
  ["expires unspent", { state: "expired", approvers: 2, decidedAt: 500 }, "approved", { approvedAt: 500, approvedUntil: 1_000 }],
])("a task that %s ends once", (_, change, status, approval) => {
  const task = taskOf({ ...pending, ...change });
  expect([task.status, task.approval]).toEqual([status, approval]);
});

const bound = { tenant: "acme", agent: "a", subject: "user:u", actionDigest: "call", ruleDigest: "rule" };
const good: Presentable = { ...pending, ...bound, state: "approved", approvers: 2, asked: true, handedOut: false };

test.each<[string, Partial<Presentable> | undefined, object, string | undefined]>([
  ["nobody knows", undefined, {}, "approval_unverifiable"],
  ["of another tenant", { tenant: "other" }, {}, "approval_unverifiable"],
  ["of another agent", { agent: "b" }, {}, "approval_unverifiable"],
  ["of another instance", { asked: false }, {}, "approval_unverifiable"],
  ["of another call", {}, { actionDigest: "else" }, "out_of_scope"],
  ["of another user", {}, { subject: "user:v" }, "out_of_scope"],
  ["under another rule", {}, { ruleDigest: "else" }, "approval_expired"],
  ["that waits", { state: "pending" }, {}, "grant_pending"],
  ["that was refused", { state: "denied", approvers: 1 }, {}, "policy_denied"],
  ["that was taken back", { state: "denied" }, {}, "approval_expired"],
  ["whose override was handed out", { handedOut: true }, {}, "approval_expired"],
  ["whose time is over", { expiresAt: 10 }, {}, "approval_expired"],
  ["that another decision spent", { state: "redeemed", redeemedBy: "e" }, {}, "approval_expired"],
  ["that this decision spent, for another call", { state: "redeemed", redeemedBy: "d" }, { actionDigest: "else" }, "approval_expired"],
  ["that this very decision spent", { state: "redeemed", redeemedBy: "d" }, {}, undefined],
])("an approval %s", (_, change, attempt, denial) => {
  expect(whyNotSpent(change && { ...good, ...change }, { ...bound, decisionId: "d", ...attempt }, 100)?.denial).toBe(denial);
});
