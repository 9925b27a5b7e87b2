import { afterAll, beforeAll, expect, test } from "vitest";
import { asOperator, claimsOf, type Running, registered, type Surroundings, surroundings } from "./running.ts";

let around: Surroundings;
let service: Running;

beforeAll(async () => {
  around = await surroundings();
  service = await around.start("token-0");
  await registered(around, service, { tenant: "acme", agent: "payer" }, ["pay:*"]);
  await registered(around, service, { tenant: "acme-eu", agent: "payer" }, ["pay:*"]);
  await registered(around, service, { tenant: "globex", agent: "payer" }, ["pay:*"]);
});
afterAll(async () => around?.[Symbol.asyncDispose]());

const as = (roles: Parameters<typeof asOperator>[1]) => (method: string, path: string, json?: unknown) =>
  asOperator(around, roles, method, `${service.url}${path}`, json);
const root = as({ "*": ["admin"] });
const auditorOf = (org: string) => as({ [`org:${org}`]: ["org-auditor"] });

/** What the events of reads in a tenant say, once they have come to NATS. */
async function reads(tenant: string): Promise<unknown[]> {
  const filter = { filter_subjects: [`aegis.identity.${tenant}.org_read`] };
  const consumer = await around.nats.bus.jetstream.consumers.get("CONTROL", filter);
  const { num_pending: count } = await consumer.info();
  if (count === 0) return [];
  const found: unknown[] = [];
  for await (const message of await consumer.fetch({ max_messages: count, expires: 5_000 }))
    found.push(message.json<{ data: unknown }>().data);
  return found;
}

const paths = ["agents", "agents/payer", "inventory", "agents/payer/delegations", "proposals", "issuers", "templates"];
const everyRead = (tenant: string) => paths.map((path) => `/v1/${path}?tenant=${tenant}`);

test("only who runs all tenants says which organisation one belongs to", async () => {
  for (const one of [as({ acme: ["admin"] }), as({ "*": ["auditor", "soc"] }), auditorOf("initech")])
    expect((await one("PUT", "/v1/tenants/acme/org", { org: "initech" })).status).toBe(403);
  expect((await root("PUT", "/v1/tenants/acme/org", { org: "In Itech" })).status).toBe(400);
  expect(await root("PUT", "/v1/tenants/acme/org", { org: "initech" })).toMatchObject({
    status: 200,
    body: { tenant: "acme", org: "initech" },
  });
  await root("PUT", "/v1/tenants/acme-eu/org", { org: "initech" });
  expect((await auditorOf("initech")("GET", "/v1/orgs/initech/tenants")).body).toEqual({ org: "initech", tenants: ["acme", "acme-eu"] });
  expect((await auditorOf("hooli")("GET", "/v1/orgs/initech/tenants")).status).toBe(403);
  expect((await as({ acme: ["admin"] })("GET", "/v1/orgs/initech/tenants")).status).toBe(403);
});

test("an org-auditor reads all of the organisation's tenants, each time with an event in the tenant read, and nobody else's", async () => {
  const auditor = auditorOf("initech");
  for (const tenant of ["acme", "acme-eu"]) {
    for (const path of everyRead(tenant)) expect((await auditor("GET", path)).status, path).toBe(200);
    await expect.poll(async () => (await reads(tenant)).length, { timeout: 20_000 }).toBe(everyRead(tenant).length);
    expect(await reads(tenant)).toContainEqual({ org: "initech", by: "alice@acme.test", service: "token", what: "inventory" });
  }
  for (const path of [...everyRead("globex"), ...everyRead("nobody")]) expect((await auditor("GET", path)).status, path).toBe(403);
  for (const path of everyRead("acme")) expect((await auditorOf("hooli")("GET", path)).status, path).toBe(403);
  expect(await reads("globex")).toEqual([]);
});

test("an org-auditor changes nothing, whatever tenant the role is held in", async () => {
  const changes = [
    ["POST", "/v1/agents/payer:suspend?tenant=acme", {}],
    ["POST", "/v1/agents/payer:revoke?tenant=acme", {}],
    ["PUT", "/v1/agents/payer/ceiling", { tenant: "acme", scope: [] }],
    ["POST", "/v1/tenants/acme:revoke", {}],
    ["POST", "/v1/templates", { tenant: "acme", name: "t", scope: [] }],
    ["DELETE", "/v1/templates/t?tenant=acme", undefined],
    ["PUT", "/v1/tenants/acme/org", { org: "hooli" }],
    ["POST", "/v1/keys:rotate", {}],
  ] as const;
  const roles: Parameters<typeof as>[0][] = [{ "org:initech": ["org-auditor"] }, { acme: ["org-auditor"] }, { "*": ["org-auditor"] }];
  // Nor does an organisation's other role count for anything.
  roles.push({ "org:initech": ["admin", "soc", "org-auditor"] });
  for (const held of roles)
    for (const [method, path, json] of changes)
      expect((await as(held)(method, path, json)).status, `${JSON.stringify(held)} ${path}`).toBe(403);
  expect((await as({ "org:initech": ["admin", "auditor", "soc"] })("GET", "/v1/agents?tenant=acme")).status).toBe(403);
});

test("an org-auditor of one tenant reads that one, with the event; a reader in a tenant leaves none", async () => {
  const before = (await reads("globex")).length;
  expect((await as({ globex: ["org-auditor"] })("GET", "/v1/agents?tenant=globex")).status).toBe(200);
  await expect.poll(async () => (await reads("globex")).length, { timeout: 20_000 }).toBe(before + 1);
  expect((await as({ globex: ["auditor"] })("GET", "/v1/agents?tenant=globex")).status).toBe(200);
  expect((await as({ globex: ["auditor", "org-auditor"] })("GET", "/v1/agents?tenant=globex")).status).toBe(200);
  expect((await as({ globex: ["org-auditor"] })("GET", "/v1/agents?tenant=acme")).status).toBe(403);
  expect(await reads("globex")).toHaveLength(before + 1);
});

test("other services ask with the auditor's own token; who is none leaves no event", async () => {
  const read = { tenant: "acme", service: "audit", what: "ledger entries" };
  expect((await auditorOf("initech")("POST", "/v1/org-reads", read)).status).toBe(204);
  await expect
    .poll(() => reads("acme"), { timeout: 20_000 })
    .toContainEqual(expect.objectContaining({ service: "audit", what: "ledger entries" }));
  for (const other of [auditorOf("hooli"), as({ acme: ["admin"] }), as({ globex: ["org-auditor"] })])
    expect((await other("POST", "/v1/org-reads", read)).status).toBe(403);
  expect((await auditorOf("initech")("POST", "/v1/org-reads", { ...read, service: "nobody" })).status).toBe(400);
});

test("agents' tokens name the organisation; a registration cannot choose another", async () => {
  const late = await registered(around, service, { tenant: "acme", agent: "late" }, ["pay:*"]);
  expect(claimsOf(await late.own()).org).toBe("initech");
  const stranger = registered(around, service, { tenant: "globex", agent: "climber" }, ["pay:*"], [], { org: "initech" });
  await expect(stranger).rejects.toThrow(/not a tenant of initech/);
  await root("PUT", "/v1/tenants/acme/org", { org: null });
  expect(claimsOf(await late.own()).org).toBe("acme");
  expect((await auditorOf("initech")("GET", "/v1/agents?tenant=acme")).status).toBe(403);
});
