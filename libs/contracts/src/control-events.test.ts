import { expect, test } from "vitest";
import type { z } from "zod";
import * as control from "./control-events.ts";

const id = "01890a5d-ac96-774b-bcce-b302099a8057";
const digest = `sha256:${"0".repeat(64)}`;
const revised = { revision: 2, version: "v2", snapshotDigest: digest, author: "ann", message: "tighter" };
const activated = { revision: 2, version: "v2", snapshotDigest: digest, replica: "authz-0", millisecondsSinceIssue: 12 };
const token = { agent: "helper", tokenId: "t", scope: "tool:read", expiresAt: "2026-01-01T00:00:00.000Z" };
const approval = { approvalId: id, agent: "helper", tool: "bank", action: "pay", actionDigest: digest, ruleDigest: digest };
const account = { scope: "tenant", unit: "micro_usd", window: "day", limit: 100, used: 90 };
const of = (agent: string) => ({ agent, by: "ann" });

/** Data as the services send it. */
const sent: readonly (readonly [z.ZodObject<{ type: z.ZodLiteral<string>; data: z.ZodObject }>, object])[] = [
  [control.policyPublished, revised],
  [control.policyRolledBack, { ...revised, restores: 1 }],
  [control.policyRolledBack, { ...revised, restores: 1, approver: "bob" }],
  [control.policyPromoted, { ...revised, policies: ["finance"] }],
  [control.policyProposed, { ...revised, follows: 1 }],
  [control.policyApproved, { ...revised, follows: 1, approver: "bob" }],
  [control.policyDrifted, { by: "ann", days: 30, unused: 1, unjustified: 0, overdue: 0, unregistered: 2, ungoverned: 0, unseen: 3 }],
  [control.policyActivated, activated],
  [control.policyActivated, { ...activated, producer: { id: "authz-0", epoch: "e", sequence: 7 } }],
  [control.agentRegistered, { agent: "helper", owner: "team", by: "ann" }],
  [control.tokenIssued, token],
  [control.tokenDelegated, { ...token, parent: "planner", parentTokenId: "p", depth: 1 }],
  [control.tokenRevoked, { agent: "helper", tokenId: "t", tokenIds: ["t", "u"], by: "ann" }],
  [control.agentSuspended, of("helper")],
  [control.agentResumed, of("helper")],
  [control.agentRevoked, of("helper")],
  [control.approvalRequested, { ...approval, queue: "finance", quorum: 2, expiresAt: "2026-01-01T00:00:00.000Z" }],
  [control.approvalVoted, { ...approval, voter: "ann", vote: "approve", comment: "" }],
  [control.approvalApproved, { ...approval, by: ["ann", "bob"] }],
  [control.approvalDenied, { ...approval, by: "ann" }],
  [control.approvalExpired, approval],
  [control.approvalCancelled, { ...approval, by: "helper" }],
  [control.approvalRedeemed, { ...approval, decisionId: id }],
  [control.budgetThreshold, { ...account, percent: 80 }],
  [control.budgetExhausted, account],
  [control.checkpointPublished, { size: 3, root: "AA==", note: "note" }],
];

test("the schemas keep every field that services send", () => {
  for (const [schema, data] of sent) expect(schema.shape.data.parse(data), schema.shape.type.value).toEqual(data);
});
