import { consume } from "@aegis/bus/consume";
import { Authorization, type CheckRequestSchema, type CheckResponse } from "@aegis/contracts/envoy/service/auth/v3/external_auth";
import { rpcClient } from "@aegis/rpc/client";
import { testLogger } from "@aegis/testkit/fabric";
import { until } from "@aegis/testkit/until";
import type { MessageInitShape } from "@bufbuild/protobuf";
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
const events = new Map<string, { data: { pep: string; destination?: { declaredBy: string; url: string } } }>();
let ask: (change: {
  headers?: Record<string, string>;
  body?: string | Uint8Array;
  settings?: Record<string, string>;
  path?: string;
  method?: string;
}) => Promise<CheckResponse>;

beforeAll(async () => {
  world = started.use(await startWorld());
  consume(world.fabric.bus, {
    ...{ stream: "DECISIONS", durable: "test", logger: testLogger() },
    async onBatch(messages) {
      for (const message of messages) {
        events.set(message.id ?? "", message.json() as never);
        await message.ack();
      }
    },
  });
  await world.start();
  await world.ready();
  await world.enforce(policy);
  token = await world.token();
  const client = started.use(rpcClient(Authorization, `127.0.0.1:${world.environment.GRPC_PORT}`, { deadlineMs: 10_000 }));
  ask = ({ headers = {}, body = JSON.stringify({ amount: 5 }), settings = {}, path = "/v1/payments", method = "POST" }) => {
    const rawBody = Buffer.from(body);
    const given = { authorization: `Bearer ${token}`, "content-type": "application/json", ...headers };
    const request: MessageInitShape<typeof CheckRequestSchema> = {
      attributes: {
        request: { http: { method, path, host: "stripe.test", scheme: "https", headers: given, rawBody } },
        contextExtensions: { "aegis-tool": "stripe-payments", "aegis-action": "create_payment", ...settings },
      },
    };
    return client.check(request);
  };
});
afterAll(() => started.disposeAsync());

/** The HTTP status, what the body says, and the headers that are set or taken away. */
function seen({ httpResponse }: CheckResponse) {
  if (httpResponse.case !== "deniedResponse") {
    const ok = httpResponse.case === "okResponse" ? httpResponse.value : undefined;
    return { status: 200, removed: ok?.headersToRemove, headers: pairs(ok?.headers), body: {} as Record<string, never> };
  }
  const { status, headers, body } = httpResponse.value;
  return { status: status?.code as number, removed: [], headers: pairs(headers), body: JSON.parse(body) };
}
const pairs = (headers: readonly { header?: { key: string; value: string } | undefined }[] = []) =>
  Object.fromEntries(headers.map(({ header }) => [header?.key, header?.value]));

test("an allowed call passes with its decision, is on record as seen by a gateway, and no header of ours comes from outside", async () => {
  const answer = await ask({ headers: { "x-aegis-decision": "allow", "x-aegis-spoof": "1" } });
  const { status, removed, headers } = seen(answer);
  expect([status, removed, headers["x-aegis-decision"]]).toEqual([200, ["x-aegis-spoof"], "allow"]);
  expect(answer.dynamicMetadata).toMatchObject({ decision: "allow", decision_id: headers["x-aegis-decision-id"] });
  const id = String(headers["x-aegis-decision-id"]);
  await until(() => events.has(id));
  expect(events.get(id)?.data).toMatchObject({
    pep: "ext_authz",
    destination: { declaredBy: "gateway", url: "https://stripe.test/v1/payments" },
  });
});

test("refusals have their status, their decision and their reasons", async () => {
  const approval = seen(await ask({ body: JSON.stringify({ amount: 6000 }) }));
  expect([approval.status, approval.headers["x-aegis-decision"]]).toEqual([403, "approval_needed"]);
  expect(approval.body).toMatchObject({
    error: "PolicyViolation",
    decision: "approval_needed",
    decision_id: approval.headers["x-aegis-decision-id"],
    reasons: [{ code: "parameter_out_of_range", pointer: "/amount" }],
    approval: { status_url: expect.stringContaining("http://approvals.test/") },
  });
  const denied = seen(await ask({ settings: { "aegis-action": "drain" } }));
  expect([denied.status, denied.body.decision, denied.body.reasons[0].code]).toEqual([403, "deny", "action_not_allowed"]);
  for (const authorization of ["", "Bearer x", "Basic eDp5", `Bearer ${token},Bearer ${token}`]) {
    const { status, headers } = seen(await ask({ headers: { authorization } }));
    expect([authorization, status, headers["www-authenticate"]]).toEqual([authorization, 401, 'Bearer error="invalid_token"']);
  }
});

test("what must be redacted does not pass a gateway that cannot, and passes one that can with the same decision twice", async () => {
  const body = JSON.stringify({ amount: 5, memo: "ann@example.com" });
  const alone = seen(await ask({ body }));
  expect([alone.status, alone.body.reasons[0].code]).toEqual([403, "sanitize_unsupported"]);
  const followed = await ask({ body, settings: { "aegis-ext-proc": "true" } });
  expect([seen(followed).status, followed.dynamicMetadata?.decision]).toEqual([200, "sanitize"]);
  expect(followed.dynamicMetadata?.request_id).toMatch(/^ext_authz:/);
});

test.each([
  ["a truncated body", { headers: { "x-envoy-auth-partial-body": "true" } }, 403],
  ["a body that is not all there", { headers: { "content-length": "1000" } }, 403],
  ["a body that is not sent", { headers: { "transfer-encoding": "chunked" }, body: "" }, 403],
  ["a compressed body", { headers: { "content-encoding": "gzip" } }, 403],
  ["a form", { headers: { "content-type": "application/x-www-form-urlencoded" } }, 403],
  ["two content types", { headers: { "content-type": "application/json,text/plain" } }, 403],
  ["bytes that are no UTF-8", { body: Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]) }, 400],
  ["a member twice", { body: '{"amount":5,"amount":6000}' }, 400],
  ["an argument in query and body", { path: "/v1/payments?amount=1" }, 400],
  ["an encoded slash", { path: "/v1/..%2fadmin" }, 400],
  ["dot segments", { path: "/v1/%2e%2E/admin" }, 400],
  ["a route without a tool", { settings: { "aegis-tool": "" } }, 403],
])("%s is refused", async (_, change, status) => {
  const { body, ...answer } = seen(await ask(change));
  expect([answer.status, body.error]).toEqual([status, "PolicyViolation"]);
});
