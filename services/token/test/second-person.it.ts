import type { OperatorRole } from "@aegis/contracts/operator";
import { connectDatabase } from "@aegis/postgres/connect";
import { asService, inTenant } from "@aegis/postgres/tenant";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Tables, Trx } from "../src/outbound/tables.ts";
import { type Answer, type Client, claimsOf, postForm, type Running, registered, type Surroundings, surroundings } from "./running.ts";

let around: Surroundings;
let strict: Running;
let plain: Running;

beforeAll(async () => {
  around = await surroundings();
  plain = await around.start("token-0");
  const environment = { SECOND_PERSON: "revoke-tenant, rotate-key,widen-scope" };
  strict = await around.start("token-1", { issuer: plain.url, environment });
});
afterAll(async () => around?.[Symbol.asyncDispose]());

const as =
  (user: string, roles: Record<string, OperatorRole[]>) =>
  async (method: string, path: string, json?: unknown, service = strict): Promise<Answer> => {
    const token = await around.operators.token({ user, roles });
    const headers = { authorization: `Bearer ${token}`, ...(json === undefined ? {} : { "content-type": "application/json" }) };
    const response = await fetch(`${service.url}${path}`, {
      method,
      headers,
      ...(json === undefined ? {} : { body: JSON.stringify(json) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text === "" ? undefined : JSON.parse(text) };
  };
const alice = as("alice@acme.test", { acme: ["admin"], doomed: ["admin"], "*": ["admin"] });
const bob = as("bob@acme.test", { acme: ["admin"], doomed: ["soc"], "*": ["admin"] });
const agentOf = (name: string, tenant = "acme", scope = ["pay:send", "pay:read"]): Promise<Client> =>
  registered(around, plain, { tenant, agent: name }, scope);
const isActive = async (token: string) => {
  const bearer = await around.operators.token({ user: "a", roles: { acme: ["auditor"] } });
  return (await postForm(`${plain.url}/oauth/introspect`, { token }, { authorization: `Bearer ${bearer}` })).body.active;
};

test("a narrower ceiling is in force at once: tokens that hold more are revoked with all below them, others live on", async () => {
  const parent = await agentOf("narrow-agent");
  const child = await registered(around, plain, { tenant: "acme", agent: "below-agent" }, ["pay:send"], ["narrow-agent"]);
  const [wide, narrow] = [await parent.own(), await parent.own({ scope: "pay:read" })];
  const below = await child.exchange(wide.body.access_token);
  const changed = await alice("PUT", "/v1/agents/narrow-agent/ceiling", { tenant: "acme", scope: ["pay:read"] });
  expect(changed).toMatchObject({ status: 200, body: { scope: ["pay:read"], revokedTokens: 2 } });
  expect(await Promise.all([wide, below, narrow].map(({ body }) => isActive(body.access_token)))).toEqual([false, false, true]);
  expect((await parent.own({ scope: "pay:send" })).body.error).toBe("invalid_scope");
});

test("where one person is enough a ceiling is widened at once", async () => {
  const agent = await agentOf("trusted-agent");
  const body = { tenant: "acme", scope: ["pay:*"], mayAct: ["narrow-agent"] };
  expect(await alice("PUT", "/v1/agents/trusted-agent/ceiling", body, plain)).toMatchObject({ status: 200, body: { scope: ["pay:*"] } });
  expect(claimsOf(await agent.own()).scope).toBe("pay:*");
});

test("what is wider waits for a second person, who is not the first under another spelling; it is done once", async () => {
  const agent = await agentOf("wide-agent");
  const asked = await alice("PUT", "/v1/agents/wide-agent/ceiling", { tenant: "acme", scope: ["pay:*"] });
  expect(asked).toMatchObject({ status: 202, body: { proposed: { action: "widen-scope", by: "alice@acme.test" } } });
  const approve = `/v1/proposals/${asked.body.proposed.id}:approve?tenant=acme`;
  expect((await agent.own({ scope: "pay:*" })).body.error).toBe("invalid_scope");
  expect((await alice("POST", approve)).status).toBe(403);
  expect((await as("user:ALICE@acme.test ", { acme: ["admin"] })("POST", approve)).status).toBe(403);
  expect((await as("sam@acme.test", { acme: ["soc"] })("POST", approve)).status, "who could not do it alone").toBe(403);
  expect((await as("eve@globex.test", { globex: ["admin"] })("POST", approve)).status).toBe(403);
  expect((await as("eve@globex.test", { globex: ["admin"] })("POST", approve.replace("acme", "globex"))).status).toBe(404);
  expect((await bob("GET", "/v1/proposals?tenant=acme")).body.proposals).toHaveLength(1);
  const people = ["bob@acme.test", "carol@acme.test", "dan@acme.test"].map((user) => as(user, { acme: ["admin"] }));
  const answers = await Promise.all(people.map((one) => one("POST", approve)));
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409]);
  expect(claimsOf(await agent.own()).scope).toBe("pay:*");
  expect((await bob("GET", "/v1/proposals?tenant=acme")).body.proposals).toEqual([]);
});

test("a change that is narrower here and wider there is a wider one", async () => {
  await agentOf("mixed-agent");
  const mixed = { tenant: "acme", scope: ["pay:read"], mayAct: ["narrow-agent"] };
  expect((await alice("PUT", "/v1/agents/mixed-agent/ceiling", mixed)).status).toBe(202);
  const shown = await alice("GET", "/v1/agents/mixed-agent?tenant=acme");
  expect(shown.body).toMatchObject({ scope: ["pay:read", "pay:send"], mayAct: [] });
});

test("a tenant is revoked, and a key rotated, only with a second person", async () => {
  const agent = await agentOf("doomed-agent", "doomed");
  const asked = await alice("POST", "/v1/tenants/doomed:revoke");
  expect(asked).toMatchObject({ status: 202, body: { proposed: { action: "revoke-tenant", tenant: "doomed" } } });
  expect((await agent.own()).status).toBe(200);
  const approved = await bob("POST", `/v1/proposals/${asked.body.proposed.id}:approve?tenant=doomed`);
  expect(approved).toMatchObject({ status: 200, body: { stopped: { state: "revoked", agents: ["doomed-agent"] } } });
  expect((await agent.own()).body.error).toBe("unauthorized_client");
  const keys = async () => ((await (await fetch(`${strict.url}/.well-known/jwks.json`)).json()) as { keys: unknown[] }).keys.length;
  const rotation = await alice("POST", "/v1/keys:rotate");
  expect(rotation).toMatchObject({ status: 202, body: { proposed: { action: "rotate-key", tenant: "*" } } });
  expect(await keys()).toBe(1);
  const approve = `/v1/proposals/${rotation.body.proposed.id}:approve?tenant=*`;
  expect((await as("carol@acme.test", { acme: ["admin"] })("POST", approve)).status).toBe(403);
  expect((await as("sam@acme.test", { "*": ["soc"] })("POST", approve)).status).toBe(403);
  expect(await bob("POST", approve)).toMatchObject({ status: 200, body: { key: { kid: expect.any(String) } } });
  expect(await keys()).toBe(2);
});

/** Leaves a proposal as a process leaves it that ends between the agreement and the deed. */
async function agreedAndDied(tenant: string, id: string): Promise<void> {
  await using db = connectDatabase<Tables>({ url: around.database.url, name: "test", schema: "token" });
  const agreed = { approver: "bob@acme.test", approved_at: new Date(Date.now() - 120_000) };
  const work = async (trx: Trx) => trx.updateTable("proposals").set(agreed).where("id", "=", id).returning("id").execute();
  expect(await (tenant === "*" ? asService(db, work) : inTenant(db, tenant, work))).toHaveLength(1);
}

test("what was agreed to is done although the process ended before it was, once, and is not done again after a later change", async () => {
  const agent = await agentOf("orphan-agent");
  const asked = await alice("PUT", "/v1/agents/orphan-agent/ceiling", { tenant: "acme", scope: ["pay:*", "mail:read"] });
  await agreedAndDied("acme", asked.body.proposed.id);
  await expect.poll(async () => (await agent.own({ scope: "mail:read" })).status, { timeout: 45_000, interval: 500 }).toBe(200);
  const shown = async () => (await bob("GET", "/v1/proposals?tenant=acme")).body.proposals.map(({ id }: { id: string }) => id);
  expect(await shown()).not.toContain(asked.body.proposed.id);
  expect((await bob("POST", `/v1/proposals/${asked.body.proposed.id}:approve?tenant=acme`)).status).toBe(409);
  await alice("PUT", "/v1/agents/orphan-agent/ceiling", { tenant: "acme", scope: ["pay:read"] });

  const last = await agentOf("last-agent", "orphaned");
  const revoke = await as("alice@acme.test", { orphaned: ["admin"] })("POST", "/v1/tenants/orphaned:revoke");
  const rotation = await alice("POST", "/v1/keys:rotate");
  await agreedAndDied("orphaned", revoke.body.proposed.id);
  await agreedAndDied("*", rotation.body.proposed.id);
  await expect.poll(async () => (await last.own()).body.error, { timeout: 45_000, interval: 500 }).toBe("unauthorized_client");
  const keysWait = async () => (await bob("GET", "/v1/proposals?tenant=*")).body.proposals;
  await expect.poll(keysWait, { timeout: 45_000, interval: 500 }).toEqual([]);
  expect((await alice("GET", "/v1/agents/orphan-agent?tenant=acme")).body.scope).toEqual(["pay:read"]);
});

test("what was agreed to and cannot be done any more is open again", async () => {
  await agentOf("gone-agent");
  const asked = await alice("PUT", "/v1/agents/gone-agent/ceiling", { tenant: "acme", scope: ["pay:*"] });
  await alice("POST", "/v1/agents/gone-agent:retire", { tenant: "acme" });
  await agreedAndDied("acme", asked.body.proposed.id);
  const approver = async () =>
    (await bob("GET", "/v1/proposals?tenant=acme")).body.proposals.find(({ id }: { id: string }) => id === asked.body.proposed.id);
  await expect.poll(approver, { timeout: 45_000, interval: 500 }).not.toHaveProperty("approver");
});
