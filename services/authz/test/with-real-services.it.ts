import { join } from "node:path";
import { Decision } from "@aegis/contracts/aegis/authz/v1/authz";
import { freePort } from "@aegis/infra/ports";
import { type TestDatabase, testDatabase } from "@aegis/testkit/fabric";
import { operatorIssuer } from "@aegis/testkit/keys";
import { until } from "@aegis/testkit/until";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startService } from "./process.ts";
import { startWorld, type World } from "./replica.ts";

const policy = `
agent: finance-agent
allowed_tools:
- name: stripe-payments
  actions:
  - create_payment
  conditions:
    max_amount: 5000
    on_violation: approval_needed
---
quotas:
  enforcement_level: prompt
  max_actions_per_prompt: 200
`;

const started = new AsyncDisposableStack();
let world: World;
let operators: Awaited<ReturnType<typeof operatorIssuer>>;
let approvalsUrl: string;
const serviceMain = (name: string) => join(import.meta.dirname, "../..", name, "src/main.ts");
const codes = (answer: { reasons: { code: string }[] }) => answer.reasons.map((reason) => reason.code);

beforeAll(async () => {
  world = started.use(await startWorld());
  operators = started.use(await operatorIssuer());
  const databases: TestDatabase[] = [];
  const start = async (name: "budget" | "approvals", prefix: string, more: Record<string, string>) => {
    const database = started.use(await testDatabase(name));
    databases.push(database);
    const [grpcPort, httpPort] = [await freePort(), await freePort()];
    started.use(
      startService(serviceMain(name), prefix, {
        INSTANCE: `${name}-0`,
        HTTP_PORT: String(httpPort),
        GRPC_PORT: String(grpcPort),
        NATS_URL: world.fabric.url,
        POSTGRES_URL: database.url,
        MIGRATION_URL: database.migrationUrl,
        OIDC_ISSUER: operators.issuer,
        SERVICE_KEY_FILE: world.serviceKey.path,
        PEERS_FILE: world.peersFile,
        LOG_LEVEL: process.env.AEGIS_TEST_LOG_LEVEL ?? "silent",
        ...more,
      }),
    );
    const url = `http://127.0.0.1:${httpPort}`;
    await until(async () => (await fetch(`${url}/readyz`)).ok, { what: `${name} is ready`, timeoutMs: 60_000 });
    return { url, address: `127.0.0.1:${grpcPort}` };
  };
  const budget = await start("budget", "AEGIS_BUDGET", { BUNDLE_KEYS_FILE: world.bundleKeysFile });
  const approvals = await start("approvals", "AEGIS_APPROVALS", {
    TOKEN_ISSUER: world.issuer.issuer,
    TOKEN_JWKS_URL: world.issuer.jwksUrl,
  });
  approvalsUrl = approvals.url;
  await world.start({ BUDGET_ADDRESS: budget.address, APPROVALS_ADDRESS: approvals.address, APPROVALS_URL: approvals.url });
  await world.ready();
  await world.enforce(policy);
});

afterAll(async () => {
  await started.disposeAsync();
});

test("a prompt's 200 actions on the real budget service: 400 calls, 50 at a time, exactly 200 pass", async () => {
  const token = await world.token();
  let calls = 0;
  let allowed = 0;
  const refused = new Set<string>();
  const lane = async () => {
    while (calls++ < 400) {
      const answer = await world.check({ agentToken: token, context: { promptId: "p-real" } });
      if (answer.decision === Decision.ALLOW) allowed += 1;
      else refused.add(codes(answer).join());
    }
  };
  await Promise.all(Array.from({ length: 50 }, lane));
  expect([allowed, [...refused]]).toEqual([200, ["budget_exhausted"]]);
});

test("a payment over the limit passes exactly once after a person said yes to the real approvals service", async () => {
  const token = await world.token();
  const bearer = { authorization: `Bearer ${token}` };
  const call = (overrideToken = "") =>
    world.check({ agentToken: token, overrideToken, context: { promptId: "p-approved" } }, { amount: 50_000 });
  const held = await call();
  expect(held.decision).toBe(Decision.APPROVAL_NEEDED);
  const url = held.approval?.statusUrl ?? "";
  expect(url).toBe(`${approvalsUrl}/v1/approvals/${held.approval?.id}`);
  const operator = { authorization: `Bearer ${await operators.token({ user: "bob@acme.test", roles: { acme: ["approver"] } })}` };
  await until(async () => (await fetch(url, { headers: operator })).ok, { what: "the approval is known" });
  const vote = await fetch(`${url}/votes`, {
    method: "POST",
    headers: { ...operator, "content-type": "application/json" },
    body: JSON.stringify({ decision: "approve", comment: "known supplier" }),
  });
  expect(vote.ok, await vote.text()).toBe(true);
  const collected = await fetch(`${url}/override`, { method: "POST", headers: bearer });
  expect(collected.ok).toBe(true);
  const body = (await collected.json()) as { override_token: string };
  const answers = await Promise.all([1, 2, 3, 4].map(() => call(body.override_token)));
  expect(answers.filter((answer) => answer.decision === Decision.ALLOW)).toHaveLength(1);
  const others = answers.filter((answer) => answer.decision !== Decision.ALLOW);
  expect(new Set(others.flatMap(codes))).toEqual(new Set(["override_invalid"]));
});
