import { afterAll, beforeAll, expect, test } from "vitest";
import { startWorld, type World } from "./replica.ts";

const policy = `
apiVersion: aegis.dev/v1
kind: AgentPolicy
metadata: { name: finance, tenant: acme }
spec:
  agents: [finance-agent]
  dlp:
    - { detect: [email], in: [/memo], action: redact }
  tools:
    - name: stripe-payments
      justification: pays invoices
      actions:
        - name: create_payment
          parameters:
            amount: { type: number, exclusive_min: 0, max: 5000, beyond: approval_needed }
            memo: { type: string, optional: true }
`;

const started = new AsyncDisposableStack();
let world: World;
let token: string;

beforeAll(async () => {
  world = started.use(await startWorld());
  await world.start();
  await world.ready();
  await world.enforce(policy);
  token = await world.token();
});
afterAll(() => started.disposeAsync());

async function post(path: string, body: unknown, headers: Record<string, string> = {}) {
  const given = { "content-type": "application/json", authorization: `Bearer ${token}`, ...headers };
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const response = await fetch(`${world.http}${path}`, { method: "POST", headers: given, body: text });
  return { status: response.status, headers: response.headers, body: (await response.json()) as Record<string, never> };
}

const ask = (amount: number, more: object = {}) => ({
  subject: { type: "agent", id: "finance-agent" },
  resource: { type: "tool", id: "stripe-payments" },
  action: { name: "create_payment", properties: { amount, ...more } },
});

test("an evaluation is the decision, with what must be done and who may agree; its request is named in the answer", async () => {
  const allowed = await post("/access/v1/evaluation", ask(5), { "x-request-id": "r-1" });
  expect([allowed.status, allowed.headers.get("x-request-id"), allowed.body]).toMatchObject([200, "r-1", { decision: true }]);
  const question = await post("/access/v1/evaluation", {
    ...ask(0),
    action: { name: "create_payment" },
    context: { arguments: { amount: 6000 } },
  });
  expect([question.status, question.body]).toMatchObject([
    200,
    { decision: false, context: { decision: "approval_needed", approval: {} } },
  ]);
  const redacted = await post("/access/v1/evaluation", ask(5, { memo: "ann@example.com" }));
  expect(redacted.body).toMatchObject({
    decision: true,
    context: { decision: "sanitize", obligations: [{ id: "sanitize", type: "custom" }] },
  });
  expect(JSON.stringify(redacted.body)).not.toContain("ann@");
  const nameless = await post("/access/v1/evaluation", { ...ask(5), resource: { type: "a person", id: "beth@example.com" } });
  expect([nameless.status, nameless.body.decision]).toEqual([200, false]);
  const other = await post("/access/v1/evaluation", { ...ask(5), subject: { type: "agent", id: "other-agent" } });
  expect(other.body).toMatchObject({ decision: false, context: { reasons: [{ code: "context_mismatch" }] } });
});

test("a batch goes on as far as it is told to, in order, and shares what its evaluations do not say", async () => {
  const { action, ...shared } = ask(5);
  const amounts = (...list: number[]) => list.map((amount) => ({ action: { ...action, properties: { amount } } }));
  const run = async (evaluations: unknown, semantic?: string) => {
    const options = semantic === undefined ? {} : { options: { evaluations_semantic: semantic } };
    const { status, body } = await post("/access/v1/evaluations", { ...shared, evaluations, ...options });
    return [status, (body.evaluations as { decision: boolean }[] | undefined)?.map(({ decision }) => decision)];
  };
  expect(await run(amounts(5, 6000, 5))).toEqual([200, [true, false, true]]);
  expect(await run(amounts(5, 6000, 5), "deny_on_first_deny")).toEqual([200, [true, false]]);
  expect(await run(amounts(6000, 5, 5), "permit_on_first_permit")).toEqual([200, [false, true]]);
  expect(await run([...amounts(5), { action: { name: "" } }, ...amounts(5)])).toEqual([200, [true, false, true]]);
  expect(await run(amounts(5), "all_or_nothing")).toEqual([400, undefined]);
  expect(await run(Array.from({ length: 101 }, () => ({ action })))).toEqual([400, undefined]);
  const single = await post("/access/v1/evaluations", ask(5));
  expect([single.status, single.body.decision]).toEqual([200, true]);
});

test.each<[string, unknown, Record<string, string>, number]>([
  ["without a token", ask(5), { authorization: "" }, 401],
  ["with a bad token", ask(5), { authorization: "Bearer x" }, 401],
  ["without a subject", { ...ask(5), subject: undefined }, {}, 400],
  ["whose resource has no type", { ...ask(5), resource: { id: "stripe-payments" } }, {}, 400],
  ["that is no JSON", "{", {}, 400],
  ["with a member twice", '{"subject":{},"subject":{}}', {}, 400],
  ["that is a list", [ask(5)], {}, 400],
  ["with two sets of arguments", { ...ask(5), context: { arguments: { amount: 6 } } }, {}, 400],
])("a question %s is %s", async (_, body, headers, status) => {
  const answer = await post("/access/v1/evaluation", body, { "x-request-id": "r-2", ...headers });
  expect([answer.status, answer.headers.get("x-request-id")]).toEqual([status, "r-2"]);
});

test("the metadata says where to ask", async () => {
  const metadata = await (await fetch(`${world.http}/.well-known/authzen-configuration`)).json();
  expect(metadata).toEqual({
    policy_decision_point: world.http,
    access_evaluation_endpoint: `${world.http}/access/v1/evaluation`,
    access_evaluations_endpoint: `${world.http}/access/v1/evaluations`,
    access_request_endpoint: `${world.http}/access/v1/requests`,
    capabilities: ["urn:openid:authzen:capability:access-request"],
    supported_obligations: ["custom"],
  });
});

test("whoever asks as if it were OPA gets the decision as a document", async () => {
  const input = (args: object) => ({ input: { tool: "stripe-payments", action: "create_payment", arguments: args } });
  const allowed = await post("/v1/data/aegis/decision", input({ amount: 5 }));
  expect([allowed.status, allowed.body]).toMatchObject([200, { result: { allow: true, decision: "allow", obligations: [] } }]);
  const redacted = await post("/v1/data/aegis/decision", input({ amount: 5, memo: "ann@example.com" }));
  expect(redacted.body).toMatchObject({ result: { allow: false, decision: "sanitize", obligations: [{ id: "sanitize" }] } });
  expect((await post("/v1/data/aegis/decision", {})).status).toBe(400);
  expect((await post("/v1/data/aegis/decision", input({ amount: 5 }), { authorization: "" })).status).toBe(401);
});

test("an issuer's clock may run ahead of ours by a minute, and a token's end is its end: no skew up to five minutes lets more pass", async () => {
  const wrong: string[] = [];
  for (let skew = -330; skew <= 330; skew += 30) {
    const issued = Math.floor(Date.now() / 1_000) + skew;
    const shifted = await world.token({ iat: issued, exp: issued + 300 });
    const { body } = await post("/access/v1/evaluation", ask(5), { authorization: `Bearer ${shifted}` });
    // Half a minute beside the edge, so that the test's own time does not matter.
    if ((body.decision === true) !== (skew > -300 && skew <= 60)) wrong.push(`${skew} s: ${JSON.stringify(body)}`);
    const later = await world.token({ nbf: issued, iat: issued, exp: issued + 600 });
    const second = await post("/access/v1/evaluation", ask(5), { authorization: `Bearer ${later}` });
    if ((second.body.decision as unknown) === true && skew > 60) wrong.push(`${skew} s, nbf`);
  }
  expect(wrong).toEqual([]);
});
