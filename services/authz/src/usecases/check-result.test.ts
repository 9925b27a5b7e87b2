import { CallContextSchema } from "@aegis/contracts/aegis/authz/v1/authz";
import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { given } from "../../test/given.ts";
import type { ResultRequest } from "./check-result.ts";

const policy = `
apiVersion: aegis.dev/v1
kind: AgentPolicy
metadata: { name: mail, tenant: acme }
spec:
  agents: [finance-agent]
  session: [{ after: untrusted, deny: ["mail:send"] }]
  results: { dlp: [{ detect: [email], action: redact }, { detect: [us_ssn], action: deny }], labels: [untrusted] }
  tools:
    - name: mail
      justification: reads and answers
      actions:
        - { name: read, additional_parameters: allow }
        - { name: send, additional_parameters: allow }
`;
const earlier = "01890a5d-ac96-774b-bcce-b302099a8057";
type World = ReturnType<typeof given>;
const context = create(CallContextSchema, { sessionId: "s-1" });
const answer = (world: World, result: unknown, change: Partial<ResultRequest> = {}) =>
  world.checkResult(
    {
      ...{ agentToken: "good", decisionId: earlier, tool: "mail", action: "read", context },
      content: Buffer.from(JSON.stringify(result)),
      ...change,
    },
    world.caller,
  );

test("what an agent may not see of an answer is taken out of it, and out of the record", async () => {
  const world = given({ policy });
  const { draft, result, labels } = await answer(world, { body: ["from ann@example.com"], n: 1 });
  expect([draft.decision, labels]).toEqual(["sanitize", ["untrusted"]]);
  expect(JSON.stringify(result?.value)).not.toContain("ann@");
  expect(result?.redactions).toMatchObject([{ pointer: "/body/0", detector: "email", count: 1 }]);
  expect(world.log.events).toMatchObject([{ subject: "aegis.decision.acme.finance-agent.sanitize", tier: "T1" }]);
  expect(world.log.last().data).toMatchObject({ kind: "check_result", resultOf: earlier, decision: "sanitize" });
  expect(JSON.stringify(world.log.events)).not.toContain("ann@");
});

test("an answer that must not be seen is denied, and a harmless one of any type is not", async () => {
  const world = given({ policy });
  const denied = await answer(world, "her SSN is 536-22-1234");
  expect([denied.draft.decision, denied.result]).toEqual(["deny", undefined]);
  for (const harmless of [null, 7, "fine", [true], { a: {} }]) expect((await answer(world, harmless)).draft.decision).toBe("allow");
  expect((await answer(world, null, { content: { value: { to: "ann@example.com" } } })).draft.decision).toBe("sanitize");
});

test("an answer labels its session, also where the call was never asked about", async () => {
  const world = given({ policy });
  expect((await world.call({ tool: "mail", action: "send", context: { sessionId: "s-1" } })).decision).toBe("allow");
  await answer(world, "hello");
  expect((await world.call({ tool: "mail", action: "send", context: { sessionId: "s-1" } })).decision).toBe("deny");
  world.sessions.reachable = false;
  const lost = await answer(world, "hello");
  expect([lost.draft.decision, lost.draft.reasons[0]?.code, lost.labels]).toEqual(["deny", "session_flow", []]);
});

test("whoever may not act may see nothing; what cannot be recorded is not shown", async () => {
  const world = given({ policy });
  world.token.expired = true;
  expect((await answer(world, "hello")).draft.reasons[0]?.code).toBe("token_expired");
  world.token.expired = false;
  world.log.fails = true;
  expect((await answer(world, "hello")).draft).toMatchObject({ decision: "deny", reasons: [{ code: "audit_unavailable" }] });
});

test("an answer to another agent's call, and one that two readers could read differently, are refused", async () => {
  const world = given({ policy });
  const draft = await world.call({ tool: "mail", action: "read", context: { sessionId: "s-1" } });
  world.token.claims = { ...world.token.claims, client_id: "mail-agent", sub: "mail-agent" };
  await expect(answer(world, "hello", { decisionId: draft.id })).rejects.toMatchObject({ code: "permission_denied" });
  const twice = Buffer.from('{"a":1,"a":2}');
  await expect(answer(world, "", { content: twice })).rejects.toMatchObject({ code: "invalid_argument" });
  await expect(answer(world, "", { content: undefined })).rejects.toMatchObject({ code: "invalid_argument" });
  await expect(answer(world, "", { decisionId: "x" })).rejects.toMatchObject({ code: "invalid_argument" });
});
