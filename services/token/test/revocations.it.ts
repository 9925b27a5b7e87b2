import { openBucket } from "@aegis/bus/kv";
import { stores, streams, subjects } from "@aegis/contracts/subjects";
import { peerToken } from "@aegis/rpc/peer";
import { until } from "@aegis/testkit/until";
import { createRemoteJWKSet, jwtVerify } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";
import { asOperator, type Client, claimsOf, postForm, type Running, registered, type Surroundings, surroundings } from "./running.ts";

let around: Surroundings;
let service: Running;
let planner: Client;
let finance: Client;

beforeAll(async () => {
  around = await surroundings();
  service = await around.start("token-0");
  planner = await registered(around, service, { tenant: "acme", agent: "planner-agent" }, ["ledger:*"]);
  finance = await registered(around, service, { tenant: "acme", agent: "finance-agent" }, ["ledger:*"], ["planner-agent"]);
});
afterAll(async () => around?.[Symbol.asyncDispose]());

const soc = { acme: ["soc" as const] };
const command = (agent: string, verb: string) => asOperator(around, soc, "POST", `${service.url}/v1/agents/${agent}:${verb}?tenant=acme`);

async function inBucket(key: string): Promise<{ state: string } | undefined> {
  const entry = await (await openBucket(around.nats.bus, stores.revocations)).get(key);
  return entry && JSON.parse(Buffer.from(entry.value).toString());
}

const introspect = async (token: string, roles: Record<string, "soc"[]> = soc) => {
  const bearer = await around.operators.token({ user: "sam@acme.test", roles });
  return (await postForm(`${service.url}/oauth/introspect`, { token }, { authorization: `Bearer ${bearer}` })).body;
};

test("a suspended agent mints nothing, neither do those below it, until it resumes", async () => {
  const parent = (await planner.own()).body.access_token;
  const child = (await finance.exchange(parent)).body.access_token;
  expect(await introspect(child)).toMatchObject({ active: true, client_id: "finance-agent", tenant: "acme" });

  expect((await command("planner-agent", "suspend")).body).toMatchObject({ state: "suspended" });
  expect(await inBucket("acme.planner-agent")).toEqual({ state: "suspended", since: expect.any(String) });
  expect((await planner.own()).body.error).toBe("unauthorized_client");
  expect((await finance.exchange(parent)).body.error).toBe("invalid_request");
  expect(await introspect(child)).toEqual({ active: false });

  expect((await command("planner-agent", "suspend")).status).toBe(200);
  expect((await command("planner-agent", "resume")).body).toMatchObject({ state: "active" });
  expect(await inBucket("acme.planner-agent")).toBeUndefined();
  expect((await finance.exchange(parent)).status).toBe(200);
});

test("a revoked agent mints nothing ever again", async () => {
  const doomed = await registered(around, service, { tenant: "acme", agent: "doomed-agent" }, ["ledger:*"]);
  expect((await doomed.own()).status).toBe(200);
  expect((await command("doomed-agent", "revoke")).body).toMatchObject({ state: "revoked" });
  expect((await doomed.own()).body.error).toBe("unauthorized_client");
  expect((await command("doomed-agent", "resume")).body.code).toBe("conflict");
  expect(await inBucket("acme.doomed-agent")).toMatchObject({ state: "revoked" });
  expect((await command("nobody", "revoke")).status).toBe(404);
});

test("a token is revoked with all that came of it, by its holder or the tenant's operators only", async () => {
  const parent = (await planner.own()).body.access_token;
  const answer = await finance.exchange(parent);
  const child = claimsOf(answer);
  const revoke = async (token: string, credentials: Record<string, string>, headers = {}) =>
    (await postForm(`${service.url}/oauth/revoke`, { token, ...credentials }, headers)).body;
  expect(await revoke(parent, await finance.credentials())).toEqual({ revoked: 0 });
  const other = await around.operators.token({ user: "eve@globex.test", roles: { globex: ["admin"] } });
  expect(await revoke(parent, {}, { authorization: `Bearer ${other}` })).toEqual({ revoked: 0 });
  expect(await introspect(parent)).toMatchObject({ active: true });

  expect(await revoke(parent, await planner.credentials())).toEqual({ revoked: 2 });
  expect(await introspect(parent)).toEqual({ active: false });
  expect(await introspect(answer.body.access_token)).toEqual({ active: false });
  expect((await finance.exchange(parent)).body.error).toBe("invalid_request");
  expect(await inBucket(`acme.token.${child.jti}`)).toMatchObject({ state: "revoked", until: new Date(child.exp * 1000).toISOString() });
});

test("another tenant's operator learns nothing about a token, nor does an anonymous caller", async () => {
  const token = (await planner.own()).body.access_token;
  expect(await introspect(token, { globex: ["soc"] })).toEqual({ active: false });
  expect((await postForm(`${service.url}/oauth/introspect`, { token })).status).toBe(401);
  expect((await postForm(`${service.url}/oauth/introspect`, { token, ...(await finance.credentials()) })).body).toMatchObject({
    active: true,
  });
});

test("the signed snapshot holds what the bucket holds, and is for policy decision points only", async () => {
  await command("finance-agent", "suspend");
  const url = `${service.url}/v1/revocations`;
  const credential = peerToken({ keyFile: around.peer.path, service: "authz", audience: "token" });
  const response = await fetch(url, { headers: { authorization: `Bearer ${await credential()}` } });
  const keys = createRemoteJWKSet(new URL(`${service.url}/.well-known/jwks.json`));
  const { payload } = await jwtVerify(await response.text(), keys, { issuer: service.url, typ: "revocations+jwt" });
  expect(payload.revocations).toMatchObject({ "acme.finance-agent": await inBucket("acme.finance-agent") });
  await command("finance-agent", "resume");
  expect((await fetch(url)).status).toBe(401);
});

test("every change is an event in its stream, once", async () => {
  const seen = await until(async () => {
    const found = new Map<string, { id: string; data: Record<string, unknown> }[]>();
    const consumer = await around.nats.bus.jetstream.consumers.get("CONTROL", { filter_subjects: streams.CONTROL[1]! });
    for await (const message of await consumer.fetch({ max_messages: 2_000, expires: 1_000 })) {
      found.set(message.subject, [...(found.get(message.subject) ?? []), message.json()]);
    }
    return found.has("aegis.identity.acme.token_revoked") && found.has("aegis.identity.acme.resumed") ? found : undefined;
  });
  const rows = {
    registered: "agentRegistered",
    issued: "tokenIssued",
    delegated: "tokenDelegated",
    suspended: "agentSuspended",
    resumed: "agentResumed",
    revoked: "agentRevoked",
    token_revoked: "tokenRevoked",
  } as const;
  for (const [verb, row] of Object.entries(rows)) {
    const events = seen.get(`aegis.identity.acme.${verb}`) ?? [];
    expect(events.length, verb).toBeGreaterThan(0);
    for (const event of events) subjects[row].schema.parse(event);
    expect(new Set(events.map((event) => event.id)).size).toBe(events.length);
  }
  const registrations = seen.get("aegis.identity.acme.registered")!.map((event) => event.data.agent);
  expect(registrations.sort()).toEqual(["doomed-agent", "finance-agent", "planner-agent"]);
});

test("a bucket that was lost is told everything again, and what was decided while NATS was away", async () => {
  await around.nats.bus.manager.streams.purge(`KV_${stores.revocations}`);
  await command("finance-agent", "suspend");
  expect(await inBucket("acme.finance-agent")).toMatchObject({ state: "suspended" });
  expect(await inBucket("acme.doomed-agent")).toBeUndefined();
  await around.nats.kill();
  expect((await command("planner-agent", "suspend")).status).toBe(200);
  expect((await command("finance-agent", "resume")).status).toBe(200);
  await around.nats.start();
  // Well within the interval at which everything is told anyway.
  const soon = { timeoutMs: 8_000 };
  await until(async () => (await inBucket("acme.planner-agent"))?.state === "suspended", soon);
  await until(async () => (await inBucket("acme.doomed-agent"))?.state === "revoked", soon);
  await until(async () => (await inBucket("acme.finance-agent")) === undefined, soon);
});
