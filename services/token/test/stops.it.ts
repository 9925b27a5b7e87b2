import { mkdtemp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openBucket } from "@aegis/bus/kv";
import { stores } from "@aegis/contracts/subjects";
import { peerToken } from "@aegis/rpc/peer";
import { type TestPostgres, testPostgres } from "@aegis/testkit/fabric";
import { until } from "@aegis/testkit/until";
import { decodeJwt } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";
import { asOperator, claimsOf, type Running, registered, type Surroundings, surroundings } from "./running.ts";

let postgres: TestPostgres;
let around: Surroundings;
let service: Running;
let journalFile: string;

beforeAll(async () => {
  postgres = await testPostgres();
  around = await surroundings(postgres);
  journalFile = join(await mkdtemp(join(tmpdir(), "journal-")), "journal.jsonl");
  service = await around.start("token-0", { environment: { JOURNAL_FILE: journalFile } });
}, 120_000);
afterAll(async () => {
  await around?.[Symbol.asyncDispose]();
  await postgres?.[Symbol.asyncDispose]();
});

const soc = (tenant: string, path: string, json?: unknown) =>
  asOperator(around, { [tenant]: ["soc"] }, "POST", `${service.url}${path}`, json ?? {});
const replicaEntry = async (replica: string, revocations: number) =>
  (await openBucket(around.nats.bus, stores.replicas)).put(replica, JSON.stringify({ replica, tenants: {}, revocations }));
async function inBucket(key: string): Promise<{ state: string } | undefined> {
  const entry = await (await openBucket(around.nats.bus, stores.revocations)).get(key);
  return entry && JSON.parse(Buffer.from(entry.value).toString());
}

test("an owner is revoked with every agent of theirs, whatever the case of the name; nothing new comes under it", async () => {
  const mine = await registered(around, service, { tenant: "acme", agent: "mine" }, ["ledger:*"]);
  const child = await registered(around, service, { tenant: "acme", agent: "child" }, ["ledger:*"], ["mine"]);
  const parentToken = (await mine.own()).body.access_token;
  expect((await child.exchange(parentToken)).status).toBe(200);
  expect((await soc("globex", "/v1/owners/alice%40acme.test:revoke?tenant=acme")).status).toBe(403);
  expect((await soc("acme", "/v1/owners/Alice%40Acme.test:revoke?tenant=acme")).body).toMatchObject({
    ...{ kind: "owner", state: "revoked", agents: ["child", "mine"], journaled: false, confirmed: 0, replicas: [] },
  });
  expect([(await mine.own()).body.error, (await child.own()).body.error]).toEqual(["unauthorized_client", "unauthorized_client"]);
  expect([await inBucket("acme.mine"), await inBucket("acme.child")]).toMatchObject([{ state: "revoked" }, { state: "revoked" }]);
  await expect(registered(around, service, { tenant: "acme", agent: "another" }, ["ledger:*"])).rejects.toThrow(/is revoked/);
  await registered(around, service, { tenant: "globex", agent: "another" }, ["ledger:*"]);
});

test("a tenant is revoked with every agent of it, and no other", async () => {
  const here = await registered(around, service, { tenant: "initech", agent: "here" }, ["ledger:*"]);
  const there = await registered(around, service, { tenant: "hooli", agent: "here" }, ["ledger:*"]);
  expect((await soc("hooli", "/v1/tenants/initech:revoke")).status).toBe(403);
  expect((await soc("initech", "/v1/tenants/initech:revoke")).body).toMatchObject({ kind: "tenant", agents: ["here"] });
  expect([(await here.own()).status, (await there.own()).status]).toEqual([400, 200]);
  expect([await inBucket("initech"), await inBucket("hooli")]).toMatchObject([{ state: "revoked" }, undefined]);
  await expect(registered(around, service, { tenant: "initech", agent: "new" }, ["ledger:*"])).rejects.toThrow(/is revoked/);
});

test("grants and registrations that race with the end of a tenant leave no agent behind", async () => {
  const agents = await Promise.all(
    Array.from({ length: 4 }, (_, index) => registered(around, service, { tenant: "umbrella", agent: `a${index}` }, ["ledger:*"])),
  );
  const racing = [
    ...agents.flatMap((agent) => [agent.own(), agent.own()]),
    ...Array.from({ length: 6 }, (_, index) =>
      registered(around, service, { tenant: "umbrella", agent: `late${index}` }, ["ledger:*"]).catch(() => undefined),
    ),
    soc("umbrella", "/v1/tenants/umbrella:revoke"),
  ];
  await Promise.all(racing);
  for (const agent of agents) expect((await agent.own()).body.error).toBe("unauthorized_client");
  const left = await asOperator(around, { umbrella: ["soc"] }, "GET", `${service.url}/v1/agents?tenant=umbrella`);
  expect(left.body.agents.filter(({ state }: { state: string }) => state !== "revoked")).toEqual([]);
});

test("the kill switch says which replicas enforce it: by the bucket's revision, or by a snapshot they fetched", async () => {
  const doomed = await registered(around, service, { tenant: "hooli", agent: "doomed" }, ["ledger:*"]);
  await replicaEntry("authz-0", 0);
  await replicaEntry("authz-1", 0);
  const asked = soc("hooli", "/v1/agents/doomed:revoke?tenant=hooli&waitMs=30000");
  await until(async () => (await inBucket("hooli.doomed"))?.state === "revoked", { what: "the bucket to say so" });
  await replicaEntry("authz-1", 1_000_000);
  const bearer = await peerToken({ keyFile: around.peer.path, service: "authz", audience: "token" })();
  await fetch(`${service.url}/v1/revocations`, { headers: { authorization: `Bearer ${bearer}` } });
  const { body } = await asked;
  expect(body.stopped).toMatchObject({
    confirmed: 2,
    replicas: [
      { replica: "authz-0", how: "poll" },
      { replica: "authz-1", how: "push" },
    ],
  });
  expect((await doomed.own()).body.error).toBe("unauthorized_client");
  await registered(around, service, { tenant: "hooli", agent: "other" }, ["ledger:*"]);
  await replicaEntry("authz-1", 0);
  const silent = (await soc("hooli", "/v1/agents/other:revoke?tenant=hooli&waitMs=1")).body.stopped;
  expect(silent).toMatchObject({ confirmed: 0, replicas: [{ replica: "authz-0" }, { replica: "authz-1" }] });
});

test("with PostgreSQL away an order is journaled, told at once, and carried out when it is back", async () => {
  const doomed = await registered(around, service, { tenant: "hooli", agent: "journaled" }, ["ledger:*"]);
  expect(claimsOf(await doomed.own()).client_id).toBe("journaled");
  await postgres.kill();
  const answer = await soc("hooli", "/v1/agents/journaled:revoke?tenant=hooli");
  expect([answer.status, answer.body.journaled]).toEqual([202, true]);
  expect(await inBucket("hooli.journaled")).toMatchObject({ state: "revoked" });
  expect(await readFile(journalFile, "utf8")).toContain('"name":"journaled"');
  const bearer = await peerToken({ keyFile: around.peer.path, service: "authz", audience: "token" })();
  const snapshot = await fetch(`${service.url}/v1/revocations`, { headers: { authorization: `Bearer ${bearer}` } });
  expect(decodeJwt(await snapshot.text()).revocations).toHaveProperty(["hooli.journaled"]);
  expect((await soc("hooli", "/v1/owners/alice%40acme.test:revoke?tenant=hooli")).body.detail).toMatch(/by name, or the tenant/);

  await postgres.start();
  await until(async () => (await readFile(journalFile, "utf8")) === "", { what: "the journal to be carried out", timeoutMs: 60_000 });
  expect((await doomed.own()).body.error).toBe("unauthorized_client");
  const shown = await asOperator(around, { hooli: ["soc"] }, "GET", `${service.url}/v1/agents/journaled?tenant=hooli`);
  expect(shown.body.state).toBe("revoked");
  expect(await inBucket("hooli.journaled")).toMatchObject({ state: "revoked" });
});

test("an agent lives from registered over active and suspended to retired, and carries its approved fingerprint", async () => {
  const agent = await registered(around, service, { tenant: "hooli", agent: "lives" }, ["ledger:*"], [], { state: "registered" });
  expect((await agent.own()).body.error).toBe("unauthorized_client");
  const move = async (verb: string) => (await soc("hooli", `/v1/agents/lives:${verb}?tenant=hooli`)).body;
  expect((await move("resume")).code ?? (await move("resume")).type).toMatch(/conflict/);
  expect((await move("activate")).state).toBe("active");
  const fpr = `sha256:${"ab".repeat(32)}`;
  const approve = (body: object, roles: Record<string, ["admin"] | ["soc"]>) =>
    asOperator(around, roles, "POST", `${service.url}/v1/agents/lives:approve-fingerprint?tenant=hooli`, body);
  expect((await approve({ fingerprint: fpr }, { hooli: ["soc"] })).status).toBe(403);
  expect((await approve({ fingerprint: "md5:1" }, { hooli: ["admin"] })).status).toBe(400);
  expect((await approve({ fingerprint: fpr }, { hooli: ["admin"] })).body.fingerprint).toBe(fpr);
  expect(claimsOf(await agent.own()).fpr).toBe(fpr);
  expect([(await move("suspend")).state, (await move("retire")).state]).toEqual(["suspended", "retired"]);
  expect((await agent.own()).body.error).toBe("unauthorized_client");
  expect(await inBucket("hooli.lives")).toMatchObject({ state: "retired" });
});

test("what lives below an agent can be seen", async () => {
  const top = await registered(around, service, { tenant: "hooli", agent: "top" }, ["ledger:*"]);
  const below = await registered(around, service, { tenant: "hooli", agent: "below" }, ["ledger:*"], ["top"]);
  const token = (await top.own()).body.access_token;
  await below.exchange(token);
  const shown = await asOperator(around, { hooli: ["auditor"] }, "GET", `${service.url}/v1/agents/top/delegations?tenant=hooli`);
  expect(shown.body.delegations).toMatchObject([{ agent: "below", chain: ["below", "top"], depth: 1, revoked: false }]);
});
