import { type CheckResponse, Decision } from "@aegis/contracts/aegis/authz/v1/authz";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Caller, callAuthz, isAllowed } from "../src/caller.ts";
import { startFabric } from "../src/fabric.ts";
import { tenantOn } from "../src/tenant.ts";

const policy = `
apiVersion: aegis.dev/v1
kind: AgentPolicy
metadata: { name: mail }
spec:
  agents: [mail-agent]
  session: [{ after: untrusted, deny: ["mail:send"] }]
  results: { dlp: [{ detect: [email], action: redact }] }
  tools:
    - name: mail
      justification: reads and answers
      actions:
        - { name: read, additional_parameters: allow, results: { labels: [untrusted] } }
        - { name: send, additional_parameters: allow, when: 'args.to.all(to, to.endsWith("@example.com"))' }
`;

const started = new AsyncDisposableStack();
let callers: readonly [Caller, Caller];

beforeAll(async () => {
  const fabric = started.use(await startFabric("--replicas", "authz=2"));
  const tenant = tenantOn(fabric, "session");
  await tenant.publish(policy);
  await tenant.register("mail-agent", "--scope", "mail:*");
  const issued = await tenant.cli.json<{ access_token: string }>([...["token", "issue", "--tenant", tenant.name, "--agent", "mail-agent"]]);
  callers = fabric.endpoints.replicas.authz.map(({ grpc }) => started.use(callAuthz(grpc, issued.access_token))) as [Caller, Caller];
  expect(callers).toHaveLength(2);
});

afterAll(() => started.disposeAsync());

const text = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

const call = ({ client, token }: Caller, action: string, sessionId: string): Promise<CheckResponse> =>
  client.check({
    ...{ agentToken: token, tool: "mail", action, context: { sessionId } },
    args: { case: "argumentsJson", value: text(action === "send" ? { to: ["ann@example.com"] } : {}) },
  });

test("whoever read untrusted mail sends none, whichever replica is asked, at once and concurrently", async () => {
  const [one, other] = callers;
  for (let round = 0; round < 20; round++) {
    const session = `s-${round}`;
    const [reader, sender] = round % 2 === 0 ? [one, other] : [other, one];
    expect(isAllowed(await call(sender, "send", session)), "nothing was read yet").toBe(true);
    expect(isAllowed(await call(reader, "read", session))).toBe(true);
    const refused = await call(sender, "send", session);
    expect([refused.decision, refused.reasons.map(({ code }) => code)]).toEqual([Decision.DENY, ["session_flow"]]);
  }
  // Both replicas in one session at once: whatever was sent, was sent before the reading was answered.
  const at = new Map<string, number>();
  const asked = Array.from({ length: 40 }, async (_, index) => {
    const begun = performance.now();
    const answer = await call(callers[index % 2] as Caller, index === 20 ? "read" : "send", "s-all");
    if (index === 20) at.set("read", performance.now());
    return { begun, sent: index !== 20 && isAllowed(answer) };
  });
  const answers = await Promise.all(asked);
  expect(answers.filter(({ begun, sent }) => sent && begun > (at.get("read") ?? 0))).toEqual([]);
  expect(isAllowed(await call(one, "send", "s-all"))).toBe(false);
  expect(isAllowed(await call(other, "send", "s-all"))).toBe(false);
});

test("what a tool answered is cleaned of what the agent must not see, and is on record", async () => {
  const [one, other] = callers;
  const { decisionId } = await call(one, "read", "s-result");
  const answer = await other.client.checkResult({
    ...{ agentToken: other.token, decisionId, tool: "mail", action: "read", context: { sessionId: "s-result" } },
    content: { case: "resultJson", value: text({ from: "bob@example.org", body: "hello" }) },
  });
  expect([answer.decision, answer.labels]).toEqual([Decision.SANITIZE, ["untrusted"]]);
  expect(new TextDecoder().decode(answer.resultJson)).not.toContain("bob@");
  expect(answer.redactions).toMatchObject([{ pointer: "/from", detector: "email" }]);
});
