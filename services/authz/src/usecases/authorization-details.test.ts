import type { AuthorizationDetail } from "@aegis/identity/claims";
import { expect, test } from "vitest";
import { given } from "../../test/given.ts";

const policy = `
apiVersion: aegis.dev/v1
kind: AgentPolicy
metadata: { name: finance, tenant: acme }
spec:
  agents: [finance-agent]
  tools:
    - name: stripe-payments
      justification: pays invoices
      actions:
        - { name: create_payment, parameters: { amount: { max: 5000, beyond: approval_needed } } }
        - { name: refund, additional_parameters: allow }
`;
const upTo = (max: number): AuthorizationDetail => ({
  type: "aegis_tool_call",
  identifier: "stripe-payments",
  actions: ["create_payment"],
  parameters: { amount: { max } },
});
const limited = (...authorization_details: AuthorizationDetail[]) => given({ policy, claims: { authorization_details } });
const codes = (draft: { reasons: readonly { code: string }[] }) => draft.reasons.map((reason) => reason.code);
const earlier = "01890a5d-ac96-774b-bcce-b302099a8057";

test("a token is good for what its authorization details permit, whatever scope and policy would", async () => {
  const { call, log } = limited(upTo(50));
  expect((await call({}, { amount: 50 })).decision).toBe("allow");
  const beyond = await call({}, { amount: 51 });
  expect(beyond).toMatchObject({
    decision: "deny",
    reasons: [{ code: "authorization_details_exceeded", message: expect.stringContaining("at most 50"), pointer: "/amount" }],
  });
  expect(log.last().data.reasons).toEqual(beyond.reasons);
  expect(codes(await call({ action: "refund" }))).toEqual(["authorization_details_exceeded"]);
});

test("what they permit is still held to the scope and to policy", async () => {
  const wide = { ...upTo(90_000), actions: ["create_payment", "wipe"] };
  const { call } = limited(wide, { type: "aegis_tool_call", identifier: "mail" });
  expect((await call({}, { amount: 6_000 })).decision).toBe("approval_needed");
  expect(codes(await call({ action: "wipe" }))).toEqual(["action_not_allowed"]);
  const narrow = given({ policy, claims: { authorization_details: [wide], scope: "stripe-payments:refund" } });
  expect(codes(await narrow.call({}, { amount: 5 }))).toEqual(["scope_missing"]);
});

test("a person's approval lifts nothing of them", async () => {
  const { call, approvals } = limited(upTo(50));
  approvals.good.add("yes");
  approvals.standing = 1;
  expect(codes(await call({ overrideToken: "yes" }, { amount: 6_000 }))).toEqual(["authorization_details_exceeded"]);
  expect(approvals.asked).toEqual([]);
});

test("a request that was answered under a wider token is not answered from memory to a narrower one", async () => {
  const { call, token } = limited(upTo(500));
  expect((await call({ requestId: "r-1" }, { amount: 100 })).decision).toBe("allow");
  token.claims = { ...token.claims, authorization_details: [upTo(50)] };
  expect(codes(await call({ requestId: "r-1" }, { amount: 100 }))).toEqual(["authorization_details_exceeded"]);
});

test("details that are not understood are a deny on record for every call, result and outcome", async () => {
  for (const detail of [{ type: "newer_type" }, { ...upTo(50), until: "noon" }]) {
    const world = limited(upTo(50), detail);
    expect(codes(await world.call({}, { amount: 5 }))).toEqual(["authorization_details_exceeded"]);
    expect(world.log.last().data.decision).toBe("deny");
    const asked = { agentToken: "good", decisionId: earlier, tool: "stripe-payments", action: "create_payment", content: Buffer.from("1") };
    expect(codes((await world.checkResult(asked, world.caller)).draft)).toEqual(["authorization_details_exceeded"]);
    await expect(world.reportOutcome({ agentToken: "good", decisionId: earlier, outcome: 1 } as never, world.caller)).rejects.toMatchObject(
      {
        code: "unauthenticated",
      },
    );
  }
});

test("what a tool answered is for the calls that they name", async () => {
  const world = limited(upTo(50));
  const answer = async (action: string) => {
    const asked = { agentToken: "good", decisionId: earlier, tool: "stripe-payments", action, content: Buffer.from("1") };
    return (await world.checkResult(asked, world.caller)).draft;
  };
  expect((await answer("create_payment")).decision).toBe("allow");
  expect(codes(await answer("refund"))).toEqual(["authorization_details_exceeded"]);
});

test("a gateway names users only where its details name that, too", async () => {
  const scope = "stripe-payments:* authzen:assert-subject";
  const asserting = (...authorization_details: AuthorizationDetail[]) => {
    const world = given({ policy, claims: { scope, authorization_details } });
    return world.call({}, { amount: 5 }, { ...world.caller, subject: "user:ann" });
  };
  expect(codes(await asserting(upTo(50)))).toEqual(["context_mismatch"]);
  const named = { type: "aegis_tool_call", identifier: "authzen", actions: ["assert-subject"] };
  expect((await asserting(upTo(50), named)).decision).toBe("allow");
});
