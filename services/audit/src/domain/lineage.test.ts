import { columnsFrom, columnsOf, encodeLeaf, noPrevious } from "@aegis/tlog/leaf";
import { expect, test } from "vitest";
import { ActivityCount } from "./activity.ts";
import { lineage } from "./lineage.ts";
import { type Recorded, recorded } from "./recorded.ts";

let sequence = 0;

function entry(kind: "decision" | "outcome" | "control", type: string, data: Record<string, unknown>, id = `id-${sequence}`): Recorded {
  const time = new Date(Date.UTC(2026, 0, 1) + sequence * 1000).toISOString();
  const event = { id, type: `dev.aegis.${type}.v1`, time, data: { ...data, ...(kind === "decision" ? { decisionId: id } : {}) } };
  const header = { tenant: "acme", sequence: sequence++, previous: noPrevious, recordedAt: time, kind, subject: "s" };
  const columns = columnsOf(encodeLeaf({ ...header, event: Buffer.from(JSON.stringify(event)) }));
  if (columns === undefined) throw new Error("no leaf");
  return recorded(columns, event);
}

/** `chain` newest first, as tokens have it. */
const decided = (chain: string[], decision: string, more: Record<string, unknown> = {}): Recorded =>
  entry("decision", "decision.made", {
    decision,
    reasons: decision === "deny" ? [{ code: "action_not_allowed" }] : [],
    principal: { agent: chain[0], subject: "user:u-42", chain },
    tool: "mail",
    action: "send",
    actionDigest: "sha256:1",
    context: { sessionId: "s-1" },
    dryRun: false,
    ...more,
  });

const planner = ["planner-agent"];
const finance = ["finance-agent", ...planner];
const ledger = ["ledger-agent", ...finance];

test("a chain of three gives three actors below their user, one agent under two parents is two actors", () => {
  const { actors } = lineage([decided(ledger, "allow"), decided(["ledger-agent", ...planner], "allow")]);
  expect(actors.map(({ id, parent, kind }) => [id, parent, kind])).toEqual([
    ["user:u-42", undefined, "user"],
    ["user:u-42/planner-agent", "user:u-42", "agent"],
    ["user:u-42/planner-agent/finance-agent", "user:u-42/planner-agent", "agent"],
    ["user:u-42/planner-agent/finance-agent/ledger-agent", "user:u-42/planner-agent/finance-agent", "agent"],
    ["user:u-42/planner-agent/ledger-agent", "user:u-42/planner-agent", "agent"],
  ]);
});

test("the same call again is a retry, the call of another plan a replan, another agent's same call neither", () => {
  const first = decided(planner, "deny", { context: { planId: "a" } });
  const again = decided(planner, "deny", { context: { planId: "a" } });
  const replanned = decided(planner, "allow", { context: { planId: "b", replanOf: "a" } });
  const other = decided(finance, "allow");
  const { calls, plans } = lineage([first, again, replanned, other]);
  expect(calls.map(({ retries, replans }) => [retries, replans])).toEqual([
    [1, 1],
    [0, 0],
  ]);
  expect(calls[0]).toMatchObject({ decisions: { deny: 2, allow: 1 }, reasons: { action_not_allowed: 2 } });
  expect(plans).toEqual([
    { actor: "user:u-42/planner-agent", planId: "a", calls: 2 },
    { actor: "user:u-42/planner-agent", planId: "b", replanOf: "a", calls: 1 },
  ]);
});

test("names out of an event are no members of every object", () => {
  const { calls } = lineage([decided(planner, "constructor"), decided(planner, "__proto__")]);
  expect(JSON.parse(JSON.stringify(calls[0]?.decisions))).toMatchObject({ constructor: 1 });
});

test("a summary counts what was decided, reached and approved, and takes the real cost for the expected one", () => {
  const count = new ActivityCount();
  const paid = decided(planner, "allow", { cost: { microUsd: 500, tokens: 10 }, destination: { url: "https://api.example" } });
  const held = decided(planner, "approval_needed", { approval: { id: "ap-1" }, cost: { microUsd: 900, tokens: 0 } });
  const approval = (what: string, more: Record<string, unknown>) =>
    entry("control", `approval.${what}`, { approvalId: "ap-1", agent: "planner-agent", tool: "mail", action: "send", ...more });
  for (const one of [
    paid,
    held,
    decided(planner, "deny", { cost: { microUsd: 70, tokens: 0 } }),
    approval("requested", {}),
    approval("voted", { voter: "bob", vote: "approve" }),
    approval("approved", { by: ["bob"] }),
    approval("redeemed", { decisionId: "x" }),
    entry("outcome", "outcome.reported", { decisionId: paid.id, outcome: "executed", actual: { microUsd: 450, tokens: 12 } }),
  ])
    count.add(one);
  expect(count.result()).toMatchObject({
    decisions: { allow: 1, deny: 1, approval_needed: 1 },
    outcomes: { executed: 1 },
    reasons: { action_not_allowed: 1 },
    destinations: { "https://api.example": 1 },
    microUsd: 450,
    tokens: 12,
    approvals: [{ id: "ap-1", state: "redeemed", by: ["bob"], votes: [{ by: "bob", vote: "approve" }] }],
  });
});

test("an event of any other shape is read without complaint", () => {
  const header = {
    tenant: "acme",
    sequence: 0,
    previous: noPrevious,
    recordedAt: "2026-01-01T00:00:00.000Z",
    kind: "control",
    subject: "s",
  } as const;
  const columns = columnsFrom(header, { id: "x", type: "x.y.z", time: "2026-01-01T00:00:00Z" }, "");
  if (columns === undefined) throw new Error("no columns");
  for (const data of [null, 3, [], { principal: 7, context: [], reasons: "x", cost: { microUsd: -1 }, by: [3] }]) {
    const read = recorded({ ...columns, reasons: null }, { data });
    expect(read.microUsd).toBe(0);
    lineage([read]);
    new ActivityCount().add({ ...read, kind: "decision" });
  }
});
