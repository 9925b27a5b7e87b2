import { expect, test } from "vitest";
import { given, MemorySessions } from "../../test/given.ts";

const policy = (more = "") => `
apiVersion: aegis.dev/v1
kind: AgentPolicy
metadata: { name: mail, tenant: acme }
spec:
  agents: [finance-agent]
  session: [{ after: untrusted, deny: ["mail:send"] }]
  ${more}
  tools:
    - name: mail
      justification: reads and answers
      actions:
        - { name: read, additional_parameters: allow, results: { labels: [untrusted] } }
        - { name: send, additional_parameters: allow }
        - { name: list, additional_parameters: allow }
        - { name: purge, additional_parameters: allow, approval: { queue: mail } }
`;
const codes = (draft: { reasons: readonly { code: string }[] }) => draft.reasons.map((reason) => reason.code);
const mail = (action: string, sessionId = "s-1") => ({ tool: "mail", action, context: { sessionId } });

test("what was let through in a session is known to every replica before it is answered", async () => {
  const sessions = new MemorySessions();
  const [one, other] = [given({ policy: policy(), sessions }), given({ policy: policy(), sessions })];
  expect((await one.call(mail("send"))).decision).toBe("allow");
  expect((await one.call(mail("read"))).decision).toBe("allow");
  const draft = await other.call(mail("send"));
  expect([draft.decision, codes(draft)]).toEqual(["deny", ["session_flow"]]);
  expect((await other.call(mail("send", "s-2"))).decision).toBe("allow");
  expect(sessions.kept.get("acme/s-1")?.facts).toEqual({ labels: ["untrusted"], calls: ["mail:read", "mail:send"] });
});

test("a call that another replica overtakes is judged anew, and gives back what it held", async () => {
  const { call, sessions, budget } = given({ policy: policy("limits: [{ budget: daily, actions: 100 }]") });
  sessions.meanwhile = () => {
    sessions.meanwhile = undefined;
    sessions.kept.set("acme/s-1", { facts: { labels: ["untrusted"], calls: ["mail:read"] }, revision: 7 });
  };
  const draft = await call(mail("send"));
  expect([draft.decision, codes(draft)]).toEqual(["deny", ["session_flow"]]);
  expect(budget).toMatchObject({ reserved: 1, committed: 0, returned: 1 });
});

test("a call that is overtaken again and again is denied, and told to come back", async () => {
  const { call, sessions } = given({ policy: policy() });
  let revision = 1;
  sessions.meanwhile = () => sessions.kept.set("acme/s-1", { facts: { labels: [], calls: [] }, revision: ++revision });
  const draft = await call(mail("list"));
  expect([draft.decision, codes(draft), draft.retryAfter]).toEqual(["deny", ["session_flow"], 1]);
});

test("where sessions cannot be reached, or the call names none, nothing passes that a session rule is about", async () => {
  const { call, sessions } = given({ policy: policy() });
  const nameless = await call({ tool: "mail", action: "read" });
  expect([nameless.decision, codes(nameless), nameless.retryAfter]).toEqual(["deny", ["session_flow"], undefined]);
  sessions.reachable = false;
  const lost = await call({ ...mail("read"), requestId: "r-1" });
  expect([lost.decision, codes(lost), lost.retryAfter]).toEqual(["deny", ["session_flow"], 2]);
  sessions.reachable = true;
  // The same request may do better now.
  expect((await call({ ...mail("read"), requestId: "r-1" })).decision).toBe("allow");
});

test("denied, pending and dry-run calls are no facts; an approved one is, and its override outlives a lost session", async () => {
  const { call, sessions, approvals } = given({ policy: policy() });
  await call({ ...mail("read"), dryRun: true });
  await call(mail("purge"));
  await call(mail("unknown"));
  expect(sessions.kept.size).toBe(0);
  approvals.good.add("override");
  sessions.reachable = false;
  expect((await call({ ...mail("purge"), overrideToken: "override" })).decision).toBe("deny");
  sessions.reachable = true;
  expect((await call({ ...mail("purge"), overrideToken: "override" })).decision).toBe("allow");
  expect(sessions.kept.get("acme/s-1")?.facts.calls).toEqual(["mail:purge"]);
});

test("a session with more facts than are kept lets nothing more through", async () => {
  const { call, sessions } = given({ policy: policy() });
  const calls = Array.from({ length: 1000 }, (_, at) => `t:${at}`);
  sessions.kept.set("acme/s-1", { facts: { labels: [], calls }, revision: 1 });
  const draft = await call(mail("list"));
  expect([draft.decision, draft.reasons[0]?.message]).toEqual(["deny", "more was seen in the session than is kept: begin another one"]);
});

test("policies in shadow see the session where they can, and stop nothing where they cannot", async () => {
  const { call, sessions } = given({ policy: policy().replace("spec:", "spec:\n  mode: shadow") });
  expect((await call(mail("read"))).decision).toBe("allow");
  sessions.reachable = false;
  expect((await call(mail("send"))).decision).toBe("allow");
  expect((await call({ tool: "mail", action: "send" })).decision).toBe("allow");
});

test("many calls of one session at once are all decided, in turn", async () => {
  const { call, sessions } = given({ policy: policy() });
  const drafts = await Promise.all(Array.from({ length: 50 }, () => call(mail("list"))));
  expect(drafts.every(({ decision }) => decision === "allow")).toBe(true);
  expect(sessions.kept.get("acme/s-1")?.revision).toBe(50);
});

test("an agent that presents another fingerprint than the approved one, or none, is not what was approved", async () => {
  const fpr = `sha256:${"a".repeat(64)}`;
  const drifting = `
apiVersion: aegis.dev/v1
kind: AgentPolicy
metadata: { name: mail, tenant: acme }
spec:
  agents: [finance-agent]
  on_drift: deny
  tools:
    - { name: mail, justification: reads, actions: [{ name: read, additional_parameters: allow }] }
`;
  const { call, token } = given({ policy: drifting, claims: { fpr } });
  const read = (fingerprint?: string) => call({ tool: "mail", action: "read", context: fingerprint === undefined ? {} : { fingerprint } });
  expect((await read(fpr)).decision).toBe("allow");
  expect(codes(await read())).toEqual(["drift_detected"]);
  expect(codes(await read(`sha256:${"b".repeat(64)}`))).toEqual(["drift_detected"]);
  token.claims = { ...token.claims, fpr: undefined };
  expect((await read()).decision).toBe("allow");
});

test("what one agent reads counts against what another sends, and nobody else has to name a session", async () => {
  const two = `${policy()}---
apiVersion: aegis.dev/v1
kind: AgentPolicy
metadata: { name: planner, tenant: acme }
spec:
  agents: [planner-agent]
  tools:
    - name: mail
      justification: plans
      actions:
        - { name: read, additional_parameters: allow, results: { labels: [untrusted] } }
        - { name: list, additional_parameters: allow }
`;
  const sessions = new MemorySessions();
  const planner = given({ policy: two, sessions, claims: { client_id: "planner-agent", sub: "planner-agent" } });
  const sender = given({ policy: two, sessions });
  expect((await planner.call({ tool: "mail", action: "list" })).decision, "it leaves nothing that a rule asks for").toBe("allow");
  expect(codes(await planner.call({ tool: "mail", action: "read" })), "the rule would not know").toEqual(["session_flow"]);
  expect((await planner.call(mail("read"))).decision).toBe("allow");
  expect(codes(await sender.call(mail("send")))).toEqual(["session_flow"]);
});
