import { agentTokenVerifier } from "@aegis/identity/verify";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  asOperator,
  type Client,
  claimsOf,
  client,
  postForm,
  type Running,
  registered,
  type Surroundings,
  surroundings,
} from "./running.ts";

let around: Surroundings;
let service: Running;
let planner: Client;
let finance: Client;
let ledger: Client;

beforeAll(async () => {
  around = await surroundings();
  service = await around.start("token-0");
  planner = await registered(around, service, { tenant: "acme", agent: "planner-agent" }, ["stripe-payments:*", "ledger:*"]);
  finance = await registered(
    around,
    service,
    { tenant: "acme", agent: "finance-agent" },
    ["stripe-payments:*", "ledger:post"],
    ["planner-agent"],
  );
  ledger = await registered(around, service, { tenant: "acme", agent: "ledger-agent" }, ["ledger:*"], ["finance-agent"]);
});
afterAll(async () => around?.[Symbol.asyncDispose]());

const error = (answer: { status: number; body: { error: string } }) => [answer.status, answer.body.error];

test("an agent gets a token that everybody can verify, within its registration", async () => {
  const answer = await planner.own({ scope: "stripe-payments:create_payment", prompt_id: "p-1", session_id: "s-1", instance: "copy-1" });
  expect(answer).toMatchObject({ status: 200, body: { token_type: "Bearer", expires_in: 300, scope: "stripe-payments:create_payment" } });
  expect(answer.headers.get("cache-control")).toBe("no-store");
  const verifier = agentTokenVerifier({ issuer: service.url, jwks: `${service.url}/.well-known/jwks.json` });
  const verified = await verifier.verify(answer.body.access_token);
  expect(verified).toMatchObject({
    ok: true,
    claims: {
      tenant: "acme",
      org: "acme",
      client_id: "planner-agent",
      sub: "planner-agent",
      depth: 0,
      aud: "aegis",
      prompt_id: "p-1",
      session_id: "s-1",
      instance: "copy-1",
    },
  });
  expect(claimsOf(answer)).not.toHaveProperty("act");
});

test("without a scope, the whole registration is granted", async () => {
  expect((await planner.own()).body.scope).toBe("ledger:* stripe-payments:*");
});

test("a delegated token says who acts, for whom, and through whom", async () => {
  const first = await planner.own({ prompt_id: "p-1" });
  const second = await finance.exchange(first.body.access_token);
  expect(second.body).toMatchObject({
    issued_token_type: "urn:ietf:params:oauth:token-type:access_token",
    scope: "ledger:post stripe-payments:*",
  });
  expect(claimsOf(second)).toMatchObject({
    sub: "planner-agent",
    client_id: "finance-agent",
    act: { sub: "finance-agent" },
    depth: 1,
    prompt_id: "p-1",
  });
  const third = await ledger.exchange(second.body.access_token, { scope: "ledger:post" });
  const claims = claimsOf(third);
  expect(claims).toMatchObject({
    sub: "planner-agent",
    client_id: "ledger-agent",
    act: { sub: "ledger-agent", act: { sub: "finance-agent" } },
    depth: 2,
    prompt_id: "p-1",
    scope: "ledger:post",
  });
  expect(claims.exp).toBeLessThanOrEqual(claimsOf(first).exp);
});

test("what is wider than the parent is refused: a scope, a second, a level, a prompt, a parent", async () => {
  const narrow = (await planner.own({ scope: "stripe-payments:create_payment", prompt_id: "p-1", expires_in: "100" })).body.access_token;
  expect(error(await finance.exchange(narrow, { scope: "stripe-payments:create_payment ledger:post" }))).toEqual([400, "invalid_scope"]);
  expect(error(await finance.exchange(narrow, { scope: "stripe-payments:*" }))).toEqual([400, "invalid_scope"]);
  expect(error(await finance.exchange(narrow, { expires_in: "101" }))).toEqual([400, "invalid_request"]);
  expect(error(await finance.exchange(narrow, { prompt_id: "p-2" }))).toEqual([400, "invalid_request"]);
  expect(error(await ledger.exchange(narrow))).toEqual([400, "invalid_request"]);
  expect(error(await finance.own({ scope: "ledger:read" }))).toEqual([400, "invalid_scope"]);
  expect(error(await finance.own({ expires_in: "301" }))).toEqual([400, "invalid_request"]);
  expect((await finance.exchange(narrow)).status).toBe(200);
});

test("a chain ends at three delegations", async () => {
  const deep = await registered(around, service, { tenant: "acme", agent: "deep-agent" }, ["ledger:post"], ["ledger-agent", "deep-agent"]);
  let token = (await planner.own()).body.access_token;
  for (const next of [finance, ledger, deep]) token = (await next.exchange(token)).body.access_token;
  const fourth = await deep.exchange(token);
  expect(error(fourth)).toEqual([400, "invalid_request"]);
  expect(fourth.body.error_description).toContain("at most 3 deep");
});

test("a client assertion is good once, also for fifty at a time", async () => {
  const credentials = await planner.credentials();
  const form = { grant_type: "client_credentials", ...credentials };
  const answers = await Promise.all(Array.from({ length: 50 }, () => postForm(`${service.url}/oauth/token`, form)));
  expect(answers.filter((answer) => answer.status === 200)).toHaveLength(1);
  expect(new Set(answers.filter((answer) => answer.status !== 200).map((answer) => answer.body.error))).toEqual(
    new Set(["invalid_client"]),
  );
});

test("the same agent name in two tenants is two clients", async () => {
  const other = await registered(around, service, { tenant: "globex", agent: "planner-agent" }, ["globex-tool:*"]);
  expect(claimsOf(await other.own())).toMatchObject({ tenant: "globex", scope: "globex-tool:*" });
  const impostor = client(service, { tenant: "acme", agent: "planner-agent" }, other.key);
  expect(error(await impostor.own())).toEqual([401, "invalid_client"]);
  const crossing = await finance.exchange((await other.own()).body.access_token);
  expect(error(crossing)).toEqual([400, "invalid_request"]);
  expect(crossing.body.error_description).toContain("another tenant");
});

test("what is no proper request is answered as RFC 6749 says", async () => {
  const url = `${service.url}/oauth/token`;
  expect(error(await postForm(url, { grant_type: "client_credentials" }))).toEqual([401, "invalid_client"]);
  expect(error(await postForm(url, {}))).toEqual([400, "invalid_request"]);
  expect(error(await planner.own({ grant_type: "password" }))).toEqual([400, "unsupported_grant_type"]);
  expect(error(await planner.own({ scope: "*:*" }))).toEqual([400, "invalid_scope"]);
  expect(error(await planner.own({ audience: "aegis-control" }))).toEqual([400, "invalid_target"]);
  expect(error(await planner.own({ prompt_id: "two words" }))).toEqual([400, "invalid_request"]);
  expect(error(await finance.exchange("not.a.token"))).toEqual([400, "invalid_request"]);
  expect(error(await finance.exchange((await planner.own()).body.access_token, { actor_token: "x" }))).toEqual([400, "invalid_request"]);
  const twice = new URLSearchParams({ grant_type: "client_credentials", ...(await planner.credentials()) });
  twice.append("scope", "ledger:read");
  twice.append("scope", "ledger:*");
  const answer = await fetch(url, { method: "POST", body: twice });
  expect([answer.status, ((await answer.json()) as { error: string }).error]).toEqual([400, "invalid_request"]);
});

test("the server describes itself (RFC 8414) and publishes only public keys", async () => {
  const metadata = await (await fetch(`${service.url}/.well-known/oauth-authorization-server`)).json();
  expect(metadata).toMatchObject({ issuer: service.url, jwks_uri: `${service.url}/.well-known/jwks.json` });
  const response = await fetch(`${service.url}/.well-known/jwks.json`);
  expect(response.headers.get("cache-control")).toBe("public, max-age=300");
  const { keys } = (await response.json()) as { keys: object[] };
  expect(keys).toEqual([{ kty: "OKP", crv: "Ed25519", alg: "EdDSA", use: "sig", kid: expect.any(String), x: expect.any(String) }]);
});

test("an operator of another tenant reads, registers and stops nothing here", async () => {
  const globex = { globex: ["admin" as const] };
  const at = `${service.url}/v1/agents`;
  const calls = [
    await asOperator(around, globex, "GET", `${at}?tenant=acme`),
    await asOperator(around, globex, "GET", `${at}/planner-agent?tenant=acme`),
    await asOperator(around, globex, "POST", `${at}/planner-agent:revoke`, { tenant: "acme" }),
    await asOperator(around, globex, "POST", `${at}/planner-agent:revoke?tenant=acme`),
    await asOperator(around, globex, "POST", at, { tenant: "acme", agent: "x", owner: "o", scope: [], publicJwk: planner.key.publicJwk }),
    await asOperator(around, { acme: ["auditor"] }, "POST", `${at}/planner-agent:suspend`, { tenant: "acme" }),
  ];
  expect(calls.map((call) => [call.status, call.body.code])).toEqual(calls.map(() => [403, "permission_denied"]));
  const both = await asOperator(around, globex, "POST", `${at}/planner-agent:revoke?tenant=acme`, { tenant: "globex" });
  expect(both.status).toBe(400);
  expect((await planner.own()).status).toBe(200);
});

test("the registry keeps what was registered, once", async () => {
  const at = `${service.url}/v1/agents`;
  const admin = { acme: ["admin" as const] };
  const found = await asOperator(around, admin, "GET", `${at}/finance-agent?tenant=acme`);
  expect(found.body).toMatchObject({
    agent: "finance-agent",
    tenant: "acme",
    clientId: "acme/finance-agent",
    owner: "alice@acme.test",
    scope: ["ledger:post", "stripe-payments:*"],
    mayAct: ["planner-agent"],
    state: "active",
    createdBy: "alice@acme.test",
    publicJwk: finance.key.publicJwk,
  });
  const again = await asOperator(around, admin, "POST", at, {
    tenant: "acme",
    agent: "finance-agent",
    owner: "mallory",
    scope: ["a:*"],
    publicJwk: planner.key.publicJwk,
  });
  expect([again.status, again.body.code]).toEqual([409, "already_exists"]);
  const secret = await asOperator(around, admin, "POST", at, {
    tenant: "acme",
    agent: "leaky",
    owner: "o",
    scope: ["a:*"],
    publicJwk: planner.key.privateJwk,
  });
  expect([secret.status, secret.body.code]).toEqual([400, "invalid_argument"]);
  expect(
    (
      await asOperator(around, admin, "POST", at, {
        tenant: "acme",
        agent: "wild",
        owner: "o",
        scope: ["*:*"],
        publicJwk: planner.key.publicJwk,
      })
    ).status,
  ).toBe(400);
  const listed = await asOperator(around, { acme: ["auditor"] }, "GET", `${at}?tenant=acme&limit=2`);
  expect(listed.body.agents).toHaveLength(2);
  expect(listed.body.agents.every((agent: { tenant: string }) => agent.tenant === "acme")).toBe(true);
  expect((await asOperator(around, admin, "GET", `${at}/nobody?tenant=acme`)).status).toBe(404);
});

test("while the budget service cannot be asked nothing is delegated, and own tokens are still had", async () => {
  const deaf = await around.start("token-deaf", { issuer: service.url, environment: { BUDGET_ADDRESS: "127.0.0.1:9" } });
  const [parent, child] = [planner, finance].map((one) => client({ url: service.url }, one, one.key)) as [Client, Client];
  const ask = async (who: Client, form: Record<string, string>) =>
    postForm(`${deaf.url}/oauth/token`, { ...(await who.credentials()), ...form });
  const own = await ask(parent, { grant_type: "client_credentials" });
  expect(own.status).toBe(200);
  const exchange = {
    grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
    subject_token: own.body.access_token,
    subject_token_type: "urn:ietf:params:oauth:token-type:access_token",
  };
  expect(error(await ask(child, exchange))).toEqual([503, "temporarily_unavailable"]);
  expect((await child.exchange(own.body.access_token)).status, "another instance can ask").toBe(200);
});
