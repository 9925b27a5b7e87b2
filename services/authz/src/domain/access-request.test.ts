import { parseIJson } from "@aegis/canonical/ijson";
import fc from "fast-check";
import { expect, test } from "vitest";
import { readAccessRequest, requestableContext, taskBody } from "./access-request.ts";
import type { Draft } from "./draft.ts";

const denial = { evaluation_id: "01890a5d-ac96-774b-bcce-b302099a8057", expires_at: "2030-01-01T00:00:00Z" };
const whole = { subject: { type: "user", id: "a" }, resource: { type: "t", id: "t" }, action: { name: "x" }, denial };
const read = (change: object) => readAccessRequest(parseIJson(JSON.stringify({ ...whole, ...change })));

test("a request names the evaluation that it is about, and why it is made", () => {
  const request = read({ context: { business_justification: "renewal" }, requested_access: { emergency: true }, vendor: 1 });
  expect(request).toMatchObject({ evaluationId: denial.evaluation_id, justification: "renewal", asked: { tool: "t", action: "x" } });
});

test.each<[object, object]>([
  [{ denial: undefined }, { error: "invalid_denial_binding" }],
  [{ denial: { ...denial, evaluation_id: undefined } }, { error: "invalid_denial_binding" }],
  [{ denial: { ...denial, evaluation_id: "eval_1" } }, { error: "invalid_denial_binding" }],
  [{ denial: { ...denial, expires_at: undefined } }, { error: "invalid_denial_binding" }],
  [{ denial: { ...denial, expires_at: "tomorrow" } }, { error: "invalid_denial_binding" }],
  [{ subject: undefined }, { code: "invalid_argument" }],
  [{ items: [] }, { code: "invalid_argument" }],
  [{ callback: { endpoint: "https://x/" } }, { code: "invalid_argument" }],
  [{ context: { business_justification: 1 } }, { code: "invalid_argument" }],
  [{ context: { business_justification: "a\0b" } }, { code: "invalid_argument" }],
  [{ context: { business_justification: "x".repeat(2_001) } }, { code: "invalid_argument" }],
])("%j is refused as %j", (change, error) => {
  expect(() => read(change)).toThrow(expect.objectContaining(error));
});

test("whatever comes as a denial is read or refused by name", () => {
  fc.assert(
    fc.property(fc.json(), fc.json(), (given, context) => {
      const text = `{"subject":{"type":"u","id":"a"},"resource":{"type":"t","id":"t"},"action":{"name":"x"},"denial":${given},"context":${context}}`;
      try {
        readAccessRequest(parseIJson(text));
      } catch (error) {
        expect(error).toSatisfy((it: { code?: string; error?: string }) => it.code === "invalid_argument" || it.error !== undefined);
      }
    }),
    { numRuns: 300 },
  );
});

const approval = { id: "a", queue: "finance", quorum: 1, expiresAt: "2030-01-01T00:00:00.000Z" };
const draft = (change: Partial<Draft>) => ({ id: "d", decision: "deny", reasons: [], ...change }) as unknown as Draft;
const said = (change: Partial<Draft>, presented: boolean, refused?: string) =>
  requestableContext(draft(change), { endpoint: "https://pdp/r", presented, refused, at: "2029-01-01T00:00:00.000Z" });

test.each<[string, Partial<Draft>, boolean, string | undefined, object]>([
  ["can be requested", { decision: "approval_needed", approval }, false, undefined, { reason: "approval_required" }],
  ["can be requested anew", { decision: "approval_needed", approval }, true, "approval_expired", { next_action: "request" }],
  ["waits for people", { decision: "approval_needed", approval }, true, "grant_pending", { next_action: "retry", retry_after: 5 }],
  ["is not about this approval", { decision: "approval_needed", approval }, true, "approval_unverifiable", { next_action: "none" }],
  ["is for later", { retryAfter: 3, reasons: [{ code: "rate_limited", message: "" }] }, true, undefined, { next_action: "retry" }],
  ["is final in spite of an approval", {}, true, undefined, { reason: "policy_denied", next_action: "none" }],
])("a denial that %s says so", (_, change, presented, refused, expected) => {
  const context = said(change, presented, refused);
  expect(context).toMatchObject({ evaluation_id: "d", ...expected });
  expect("access_request" in context).toBe(change.approval !== undefined);
});

test("a denial that no request would change, and a dry run, offer none", () => {
  expect(said({}, false)).toEqual({ evaluation_id: "d", evaluated_at: "2029-01-01T00:00:00.000Z" });
  expect(said({ decision: "approval_needed" }, false)).not.toHaveProperty("access_request");
});

test("only a task that nobody has decided can be taken back, and only an approved one has a result", () => {
  const task = { id: "t", status: "pending", expiresAt: "2030-01-01T00:00:00.000Z" };
  expect(taskBody(task, "https://pdp/r")).toEqual({
    task: {
      ...{ id: "t", status: "pending" },
      status_endpoint: "https://pdp/r/t",
      expires_at: task.expiresAt,
      links: { cancel: "https://pdp/r/t/cancel" },
    },
  });
  const times = { approvedAt: "2029-01-01T00:00:00.000Z", approvedUntil: "2029-01-02T00:00:00.000Z" };
  expect(taskBody({ ...task, status: "approved", approval: times }, "https://pdp/r")).toMatchObject({
    task: { status: "approved" },
    result: { mode: "reevaluate", approval: { id: "t", approved_at: times.approvedAt, approved_until: times.approvedUntil } },
  });
});
