import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { root } from "../src/cli.ts";
import { type Gateway, gatewayTools, startEnvoy, wireTo } from "../src/envoy.ts";
import { sharedTenant, type Tenant } from "../src/tenant.ts";
import { mcpClient, startMail, startPayments, type Upstream } from "../src/upstreams.ts";

const policy = (agent: string, rate = "") => `
apiVersion: aegis.dev/v1
kind: AgentPolicy
metadata: { name: ${agent} }
spec:
  agents: [${agent}]
  dlp: [{ detect: [email], in: [/memo, /query], action: redact }]
  results: { dlp: [{ detect: [email], action: redact }] }
  ${rate}
  tools:
    - name: stripe-payments
      justification: pays invoices
      actions:
        - name: create_payment
          parameters:
            amount: { type: number, exclusive_min: 0, max: 5000, beyond: approval_needed }
            memo: { type: string, optional: true }
    - name: mail
      justification: looks things up
      actions:
        - { name: search, parameters: { query: { type: string } } }
`;

const tools = await gatewayTools();

describe.skipIf(tools === undefined)("Envoy in front of an HTTP tool and an MCP server", () => {
  const started = new AsyncDisposableStack();
  let tenant: Tenant;
  let gateway: Gateway;
  let payments: Upstream;
  let mail: Upstream;
  let wire: Awaited<ReturnType<typeof wireTo>>;
  let token: string;

  const issue = async (agent: string) =>
    (await tenant.cli.json<{ access_token: string }>(["token", "issue", "--tenant", tenant.name, "--agent", agent])).access_token;

  async function post(path: string, body: unknown, headers: Record<string, string> = {}) {
    const response = await fetch(`${gateway.url}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${token}`, ...headers },
      body: typeof body === "string" ? body : JSON.stringify(body),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, json: text.startsWith("{") ? JSON.parse(text) : undefined };
  }

  beforeAll(async () => {
    tenant = await sharedTenant("envoy");
    await tenant.publish(policy("finance-agent"), policy("busy-agent", "limits: [{ rate: 1/h }]"));
    for (const agent of ["finance-agent", "busy-agent"]) await tenant.register(agent, "--scope", "stripe-payments:* mail:*");
    token = await issue("finance-agent");
    payments = started.use(await startPayments());
    mail = started.use(await startMail(tools!));
    wire = await wireTo(tenant.fabric.endpoints.authz.grpc);
    started.defer(() => wire.cut());
    gateway = started.use(await startEnvoy(tools!.envoy, "envoy.yaml", { 9191: wire.port, 8080: payments.port, 8081: mail.port }));
  });
  afterAll(() => started.disposeAsync());

  test("an allowed call reaches the tool, without what an agent says in our name, and its answer comes back redacted", async () => {
    const spoofed = { "x-aegis-decision": "deny", "x-aegis-role": "admin", "x-aegis-decision-id": "mine" };
    const answer = await post("/v1/payments", { amount: 5 }, spoofed);
    expect([answer.status, answer.json]).toEqual([200, { paid: true, receipt: expect.stringMatching(/^to (?!ann@)/) }]);
    const { headers, body } = payments.received.at(-1)!;
    expect([body, headers["x-aegis-decision"], headers["x-aegis-role"]]).toEqual(['{"amount":5}', "allow", undefined]);
    expect(headers["x-aegis-decision-id"]).toMatch(/^[0-9a-f-]{36}$/);
    expect(answer.headers.get("x-aegis-decision-id")).toBe(headers["x-aegis-decision-id"]);
  });

  test("what must not go out is redacted on its way, by one decision", async () => {
    const answer = await post("/v1/payments", { amount: 5, memo: "write to jo@example.com" });
    expect(answer.status).toBe(200);
    const { headers, body } = payments.received.at(-1)!;
    expect([JSON.parse(body).amount, body.includes("jo@example.com"), headers["x-aegis-decision"]]).toEqual([5, false, "sanitize"]);
    // The filter that rewrites says the decision of the filter that asked first: it did not ask again.
    const shown = () => tenant.cli.run("audit", "show", String(headers["x-aegis-decision-id"]), "--tenant", tenant.name, "--json");
    await expect.poll(async () => (await shown()).stdout, { timeout: 30_000 }).toMatch(/"pep":\s*"ext_authz"/);
  });

  test("refusals are 403, an approval with where it stands, a bad token 401, too many calls 429, and the tool sees none of them", async () => {
    const before = payments.received.length;
    const denied = await post("/v1/payments", { amount: 5, extra: true });
    expect([denied.status, denied.json]).toMatchObject([
      403,
      { error: "PolicyViolation", decision: "deny", reasons: [{ code: "parameter_unknown", pointer: "/extra" }] },
    ]);
    const question = await post("/v1/payments", { amount: 6000 });
    expect([question.status, question.headers.get("x-aegis-decision")]).toEqual([403, "approval_needed"]);
    expect(question.json).toMatchObject({
      decision: "approval_needed",
      decision_id: question.headers.get("x-aegis-decision-id"),
      approval: { status_url: expect.stringMatching(/^http/) },
    });
    expect((await post("/v1/payments", { amount: 5 }, { authorization: "Bearer nonsense" })).status).toBe(401);
    expect((await post("/v1/payments", `{"amount":5,"memo":"${"x".repeat(1_100_000)}"}`)).status, "truncated").toBe(403);
    expect((await post("/v1/payments", '{"amount":5,"amount":6}')).status, "ambiguous").toBe(400);
    expect(payments.received.length).toBe(before);
    const busy = { authorization: `Bearer ${await issue("busy-agent")}` };
    expect((await post("/v1/payments", { amount: 5 }, busy)).status).toBe(200);
    const throttled = await post("/v1/payments", { amount: 5 }, busy);
    expect([throttled.status, Number(throttled.headers.get("retry-after")) > 0]).toEqual([429, true]);
    expect(payments.received.length).toBe(before + 1);
  });

  test("an MCP client sees the tools it may call, calls them, and nothing else passes", async () => {
    await using client = await mcpClient(tools!, `${gateway.url}/mcp`, token);
    expect(await client.tools()).toEqual(["search"]);
    const answer = await client.call("search", { query: "jo@example.com" });
    expect([answer.startsWith("asked for "), /jo@|bob@/.test(answer)]).toEqual([true, false]);
    const before = mail.received.length;
    await expect(client.call("send", { to: "x" })).rejects.toThrow(/403|PolicyViolation/);
    const call = { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "search", arguments: { query: "x" } } };
    expect((await post("/mcp", [call])).status, "a batch").toBe(400);
    expect((await post("/mcp", call, { "mcp-name": "send" })).status, "headers disagree").toBe(403);
    expect((await post("/mcp", { ...call, id: undefined })).status, "a notification").toBe(403);
    expect(mail.received.length).toBe(before);
  });

  test("Envoy takes the configuration as it stands, and would not take one that is wrong", async () => {
    const text = await readFile(join(root, "deploy/envoy/envoy.yaml"), "utf8");
    const directory = await mkdtemp(join(tmpdir(), "envoy-"));
    started.defer(() => rm(directory, { recursive: true, force: true }));
    const validate = async (config: string) => {
      const file = join(directory, "envoy.yaml");
      await writeFile(file, config);
      return spawnSync(tools!.envoy, ["--mode", "validate", "--config-path", file, "--log-level", "off"]).status;
    };
    expect(await validate(text)).toBe(0);
    expect(await validate(text.replace("failure_mode_allow", "failure_mode_alow"))).not.toBe(0);
  });

  test("without authz nothing passes", async () => {
    const before = payments.received.length;
    wire.cut();
    expect((await post("/v1/payments", { amount: 5 })).status).toBe(403);
    expect(payments.received.length).toBe(before);
  });
});
