import { expect, test } from "vitest";
import { answersKeptMs } from "#domain/answers.ts";
import { staleGraceMs } from "#domain/policies.ts";
import { staleAfterMs, staleForIrreversibleMs } from "#domain/revocations.ts";
import { activePolicy, given } from "../../test/given.ts";

const policy = `
apiVersion: aegis.dev/v1
kind: AgentPolicy
metadata: { name: finance, tenant: acme }
spec:
  agents: [finance-agent]
  dlp:
    - { detect: [email], in: [/memo], action: redact }
  limits:
    - { budget: daily, actions: 1000 }
  tools:
    - name: stripe-payments
      justification: pays invoices
      actions:
        - name: create_payment
          parameters:
            amount: { type: number, exclusive_min: 0, max: 5000, beyond: approval_needed }
            memo: { type: string, optional: true }
        - name: pay_out
          additional_parameters: allow
          durability: T0
`;
const codes = (draft: { reasons: readonly { code: string }[] }) => draft.reasons.map((reason) => reason.code);

test("an allowed call is recorded at T1 before it is answered, and spends its budget", async () => {
  const { call, log, budget } = given({ policy });
  const gate = Promise.withResolvers<void>();
  log.gate = gate.promise;
  let answered = false;
  const answer = call().finally(() => {
    answered = true;
  });
  await new Promise(setImmediate);
  expect(answered).toBe(false);
  gate.resolve();
  const draft = await answer;
  expect(draft.decision).toBe("allow");
  expect(log.events).toMatchObject([{ subject: "aegis.decision.acme.finance-agent.allow", tier: "T1" }]);
  expect(log.last()).toMatchObject({ id: draft.id, data: { decision: "allow", arguments: { amount: 100 }, producer: { sequence: 1 } } });
  expect(log.last().data.reservations).toEqual([
    { scope: "agent/finance-agent", unit: "actions", window: "day", units: 1, leaseId: "lease" },
  ]);
  expect(budget).toMatchObject({ reserved: 1, committed: 1, returned: 0 });
});

test("without policies everything is denied, and long after their head expired as well", async () => {
  expect(codes(await given().call())).toEqual(["policy_missing"]);
  const world = given({ policy });
  world.clock.time += 3600_000 + staleGraceMs;
  world.revocations.confirm(world.clock.time);
  expect((await world.call()).decision).toBe("allow");
  world.clock.time += 1;
  expect(codes(await world.call())).toEqual(["policy_stale"]);
});

test("a denied call is recorded at T2 and costs nothing", async () => {
  const { call, log, budget } = given({ policy });
  const draft = await call({ action: "refund" });
  expect([draft.decision, codes(draft)]).toEqual(["deny", ["action_not_allowed"]]);
  expect(log.events).toMatchObject([{ subject: "aegis.decision.acme.finance-agent.deny", tier: "T2" }]);
  expect(budget.reserved).toBe(0);
});

test("what must be approved names an approval, which the event carries, and reserves nothing", async () => {
  const { call, log, budget } = given({ policy });
  const draft = await call({}, { amount: 50_000 });
  expect(draft.decision).toBe("approval_needed");
  expect(draft.approval?.id).not.toBe(draft.id);
  expect(log.events).toMatchObject([{ subject: "aegis.decision.acme.finance-agent.approval_needed", tier: "T2" }]);
  expect(log.last().data.approval).toEqual(draft.approval);
  expect(log.last().data.ruleDigest).toMatch(/^sha256:/);
  expect(budget.reserved).toBe(0);
});

test("an override lets the call pass once; it is redeemed for exactly this call", async () => {
  const { call, approvals, log, budget } = given({ policy });
  approvals.good.add("override");
  const draft = await call({ overrideToken: "override" }, { amount: 50_000 });
  expect([draft.decision, codes(draft)]).toEqual(["allow", []]);
  expect(log.last().data.overrideOf).toBe("01890a5d-ac96-774b-bcce-b302099a8057");
  expect(approvals.asked).toMatchObject([
    {
      tenant: "acme",
      agent: "finance-agent",
      instance: "one",
      decisionId: draft.id,
      actionDigest: draft.actionDigest,
      ruleDigest: draft.verdict?.ruleDigest,
    },
  ]);
  const again = await call({ overrideToken: "override" }, { amount: 50_000 });
  expect([again.decision, codes(again)]).toEqual(["deny", ["override_invalid"]]);
  expect(budget).toMatchObject({ reserved: 2, committed: 1, returned: 1 });
});

test("an override that cannot be redeemed now denies and gives the budget back", async () => {
  const { call, approvals, budget } = given({ policy });
  approvals.reachable = false;
  const draft = await call({ overrideToken: "override" }, { amount: 50_000 });
  expect(codes(draft)).toEqual(["override_invalid"]);
  expect(draft.reasons[0]?.message).toMatch(/cannot be redeemed now/);
  expect(budget).toMatchObject({ reserved: 1, committed: 0, returned: 1 });
});

test("an override never lifts a deny and is not spent on one, nor on a call that needs none", async () => {
  const { call, approvals } = given({ policy });
  approvals.good.add("override");
  expect((await call({ overrideToken: "override" }, { amount: 50_000, extra: 1 })).decision).toBe("deny");
  expect((await call({ overrideToken: "override" })).decision).toBe("allow");
  expect(approvals.asked).toEqual([]);
});

test("with the budget spent the override is kept", async () => {
  const { call, approvals, budget } = given({ policy });
  budget.left = 0;
  const draft = await call({ overrideToken: "override" }, { amount: 50_000 });
  expect([codes(draft), draft.retryAfter]).toEqual([["budget_exhausted"], 7]);
  expect(approvals.asked).toEqual([]);
});

test("sanitize: the agent gets what it may send, and the event never holds what was found", async () => {
  const { call, log } = given({ policy });
  const draft = await call({ context: { reasoning: "asked by jo@example.com" } }, { amount: 5, memo: "for jo@example.com" });
  expect(draft.decision).toBe("sanitize");
  expect(draft.sanitized?.arguments).toEqual({ amount: 5, memo: "for [REDACTED:email]" });
  expect(JSON.stringify(log.events)).not.toContain("jo@example.com");
  expect(log.events[0]?.tier).toBe("T1");
});

test("nothing that any detector knows gets into an event, whether or not a policy asks for it", async () => {
  const { call, log } = given({ policy });
  await call({ context: { reasoning: "SSN 536-90-4399" } }, { amount: 1, "jo@example.com": "4111 1111 1111 1111" });
  const stored = JSON.stringify(log.events);
  for (const value of ["536-90-4399", "jo@example.com", "4111 1111 1111 1111"]) expect(stored).not.toContain(value);
  expect(log.last().data.redactions.length).toBeGreaterThan(0);
});

test("a dry run answers the same and does nothing: no reservation, no redemption, no approval asked for", async () => {
  const { call, log, budget, approvals } = given({ policy });
  expect((await call({ dryRun: true })).decision).toBe("allow");
  expect(log.last().data).toMatchObject({ dryRun: true, reservations: [] });
  const held = await call({ dryRun: true, overrideToken: "override" }, { amount: 50_000 });
  expect([held.decision, held.approval]).toEqual(["approval_needed", undefined]);
  expect([budget.reserved, approvals.asked.length]).toEqual([0, 0]);
});

test("expired, revoked and suspended callers, also further up the chain, get a deny with its event", async () => {
  const world = given({ policy, claims: { sub: "user:u-42", act: { sub: "finance-agent", act: { sub: "planner-agent" } }, depth: 1 } });
  world.revocations.setAgent("acme.planner-agent", "suspended");
  expect(codes(await world.call())).toEqual(["agent_suspended"]);
  world.revocations.setAgent("acme.finance-agent", "revoked");
  expect(codes(await world.call())).toEqual(["agent_revoked"]);
  world.revocations.setAgent("acme.planner-agent", "active");
  world.revocations.setAgent("acme.finance-agent", "active");
  world.revocations.setToken("acme.token.token-0001", 2e12);
  expect(codes(await world.call())).toEqual(["agent_revoked"]);
  world.token.expired = true;
  expect(codes(await world.call())).toEqual(["token_expired"]);
  expect(world.log.events.map(({ event }) => (event.data as { decision?: string }).decision)).toEqual(["deny", "deny", "deny", "deny"]);
});

test("old news of revocations stops irreversible calls first, then all", async () => {
  const world = given({ policy });
  const payOut = () => world.call({ action: "pay_out" });
  world.clock.time += staleForIrreversibleMs + 1;
  expect(codes(await payOut())).toEqual(["revocation_stale"]);
  expect((await world.call()).decision).toBe("allow");
  world.clock.time += staleAfterMs;
  expect(codes(await world.call())).toEqual(["revocation_stale"]);
  world.revocations.confirm(world.clock.time);
  expect((await payOut()).decision).toBe("allow");
});

test("a prompt or session other than the token's is a deny; the token's own is what counts", async () => {
  const world = given({ policy, claims: { prompt_id: "p-1", session_id: "s-1" } });
  expect(codes(await world.call({ context: { promptId: "p-2" } }))).toEqual(["context_mismatch"]);
  expect(codes(await world.call({ context: { sessionId: "s-2" } }))).toEqual(["context_mismatch"]);
  await world.call({ context: { promptId: "p-1" } });
  expect(world.log.last().data.context).toMatchObject({ promptId: "p-1", sessionId: "s-1" });
});

test("a token that does not verify is no answer but an error, and is reported", async () => {
  const { call, failures, log } = given({ policy });
  await expect(call({ agentToken: "bad" })).rejects.toMatchObject({ code: "unauthenticated" });
  await expect(call({ agentToken: "" })).rejects.toMatchObject({ code: "unauthenticated" });
  expect(failures).toHaveLength(2);
  expect(log.events).toEqual([]);
});

test("a token bound to a key is not accepted without its proof", async () => {
  const { call } = given({ policy, claims: { cnf: { jkt: "thumbprint" } } });
  await expect(call()).rejects.toMatchObject({ code: "unauthenticated" });
});

test.each([
  [{ tool: "stripe payments" }],
  [{ tool: "" }],
  [{ action: "аction" }],
  [{ args: { case: "argumentsJson", value: Buffer.from('{"a":1,"a":2}') } }],
  [{ args: { case: "argumentsJson", value: Buffer.from("[1]") } }],
  [{ requestId: "x".repeat(129) }],
  [{ estimate: { microUsd: -1n } }],
  [{ destination: { method: "GET" } }],
] as const)("a malformed call is refused before it is judged: %o", async (change) => {
  const { call, log } = given({ policy });
  await expect(call(change as never)).rejects.toMatchObject({ code: "invalid_argument" });
  expect(log.events).toEqual([]);
});

test("no allow leaves when it cannot be recorded, and its budget comes back", async () => {
  const { call, log, budget } = given({ policy });
  log.fails = true;
  const draft = await call();
  expect([draft.decision, codes(draft)]).toEqual(["deny", ["audit_unavailable"]]);
  expect(budget).toMatchObject({ reserved: 1, committed: 0, returned: 1 });
});

test.each(["deny", "dead"] as const)("with the spool in state %s nothing is even tried: no budget, no redemption", async (state) => {
  const { call, log, budget, approvals } = given({ policy });
  log.now = state;
  expect(codes(await call({ overrideToken: "override" }, { amount: 50_000 }))).toEqual(["audit_unavailable"]);
  expect([budget.reserved, approvals.asked.length]).toEqual([0, 0]);
});

test("with a nearly full spool events keep what was decided and leave out the rest", async () => {
  const { call, log } = given({ policy });
  log.now = "shed";
  await call({ context: { reasoning: "because" } });
  expect(log.last().data.arguments).not.toHaveProperty("amount");
  expect(log.last().data.context).toEqual({});
});

test("an irreversible call waits for JetStream: without it, it is denied, and a late record is withdrawn", async () => {
  const { call, log } = given({ policy });
  expect((await call({ action: "pay_out" })).decision).toBe("allow");
  log.connected = false;
  expect(codes(await call({ action: "pay_out" }))).toEqual(["audit_unavailable"]);
  log.connected = true;
  log.stores = false;
  expect(codes(await call({ action: "pay_out" }))).toEqual(["audit_unavailable"]);
  expect(log.events.map(({ subject }) => subject.split(".").at(-1))).toEqual(["allow", "deny", "allow", "failed"]);
});

test("a repeated request id gets the same answer for five minutes and is recorded and charged once", async () => {
  const { call, log, budget, clock, revocations } = given({ policy });
  const [first, second] = await Promise.all([call({ requestId: "r-1" }), call({ requestId: "r-1" })]);
  expect(second?.id).toBe(first?.id);
  expect([log.events.length, budget.reserved]).toEqual([1, 1]);
  expect((await call({ requestId: "r-1" }, { amount: 101 })).id, "other arguments are another call").not.toBe(first?.id);
  expect((await call({ requestId: "r-1", dryRun: true })).id).not.toBe(first?.id);
  clock.time += answersKeptMs;
  revocations.confirm(clock.time);
  expect((await call({ requestId: "r-1" })).id).not.toBe(first?.id);
});

test("what was answered under a request id is not repeated to an agent that was stopped meanwhile", async () => {
  const { call, revocations } = given({ policy });
  expect((await call({ requestId: "r-1" })).decision).toBe("allow");
  revocations.setAgent("acme.finance-agent", "revoked");
  expect(codes(await call({ requestId: "r-1" }))).toEqual(["agent_revoked"]);
});

test("what was answered under a request id is not repeated where policies would look at something else", async () => {
  const { call, token } = given({ policy });
  const own = token.claims;
  const first = await call({ requestId: "r-1" });
  expect((await call({ requestId: "r-1" })).id, "the same").toBe(first.id);
  token.claims = { ...own, jti: "token-0002", iat: own.iat + 60 };
  expect((await call({ requestId: "r-1" })).id, "a newer token").toBe(first.id);
  const other = {
    "another scope": { scope: "stripe-payments:*" },
    "another user": { sub: "user:ann", act: { sub: "finance-agent" } },
    "another chain": { sub: "planner-agent", act: { sub: "finance-agent" }, depth: 1 },
    "another session": { session_id: "s-2" },
    "another prompt": { prompt_id: "p-2" },
    "another fingerprint": { fpr: `sha256:${"1".repeat(64)}` },
  };
  for (const [what, change] of Object.entries(other)) {
    token.claims = { ...own, ...change };
    expect((await call({ requestId: "r-1" })).id, what).not.toBe(first.id);
  }
  token.claims = own;
  for (const context of [{ sessionId: "s-2" }, { promptId: "p-2" }, { purpose: "payroll" }, { fingerprint: `sha256:${"1".repeat(64)}` }])
    expect((await call({ requestId: "r-1", context })).id, JSON.stringify(context)).not.toBe(first.id);
  expect((await call({ requestId: "r-1", estimate: { tokens: 5n } })).id, "another estimate").not.toBe(first.id);
});

test("a request id does not hold on to an answer that could not be recorded", async () => {
  const { call, log } = given({ policy });
  log.fails = true;
  expect(codes(await call({ requestId: "r-1" }))).toEqual(["audit_unavailable"]);
  log.fails = false;
  expect((await call({ requestId: "r-1" })).decision).toBe("allow");
});

test("a new snapshot counts from the next call on", async () => {
  const { call, policies } = given({ policy });
  expect((await call()).decision).toBe("allow");
  policies.set("acme", activePolicy(policy.replace("max: 5000", "max: 50"), "acme", 2));
  expect((await call()).decision).toBe("approval_needed");
});

test("what a caller calls things is one line, and is not stored as written when a detector knows it", async () => {
  const world = given({ policy });
  for (const field of ["promptId", "sessionId", "purpose", "planId", "toolCallId"]) {
    await expect(world.call({ context: { [field]: "a\u0000b" } })).rejects.toMatchObject({ code: "invalid_argument" });
    await expect(world.call({ context: { [field]: "a\nb" } })).rejects.toMatchObject({ code: "invalid_argument" });
  }
  await world.call({ context: { planId: "jane@example.com", reasoning: "two\nlines" } });
  expect(world.log.last().data.context).toEqual({ planId: "[REDACTED:email]", reasoning: "two\nlines" });
});

test("a call that has its budget only after its deadline is not decided, pays nothing, and may be asked again", async () => {
  const { call, caller, clock, log, budget } = given({ policy });
  const late = { ...caller, deadline: clock.time };
  await expect(call({ requestId: "once" }, { amount: 100 }, late)).rejects.toMatchObject({ code: "deadline_exceeded" });
  expect(log.events).toEqual([]);
  expect(budget).toMatchObject({ reserved: 1, committed: 0, returned: 1 });
  expect((await call({ requestId: "once" }, { amount: 100 }, { ...caller, deadline: clock.time + 1 })).decision).toBe("allow");
});
