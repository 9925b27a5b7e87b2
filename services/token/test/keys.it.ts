import { connectDatabase } from "@aegis/postgres/connect";
import { decodeProtectedHeader } from "jose";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import { asOperator, client, type Running, registered, type Surroundings, surroundings } from "./running.ts";

let around: Surroundings;
let instances: Running[];
const issuer = "https://token.acme.test";

beforeAll(async () => {
  around = await surroundings();
  instances = await Promise.all(["token-0", "token-1", "token-2"].map((instance) => around.start(instance, { issuer })));
});
afterAll(async () => around?.[Symbol.asyncDispose]());

const kidsOf = async (service: Running): Promise<string[]> => {
  const { keys } = (await (await fetch(`${service.url}/.well-known/jwks.json`)).json()) as { keys: { kid: string }[] };
  return keys.map((key) => key.kid);
};

test("three first starts at once make one key, and each honours what the others issue", async () => {
  const kids = await Promise.all(instances.map(kidsOf));
  expect(kids[0]).toHaveLength(1);
  expect(new Set(kids.flat()).size).toBe(1);
  const at = { url: issuer };
  const parent = await registered(around, instances[0]!, { tenant: "acme", agent: "parent-agent" }, ["a:*"]);
  const child = await registered(around, instances[1]!, { tenant: "acme", agent: "child-agent" }, ["a:*"], ["parent-agent"]);
  const ask = async (service: Running, from: typeof parent, form: Record<string, string>) => {
    const body = new URLSearchParams({ ...(await client(at, from, from.key).credentials()), ...form });
    return (await (await fetch(`${service.url}/oauth/token`, { method: "POST", body })).json()) as { access_token: string; scope: string };
  };
  const issued = await ask(instances[0]!, parent, { grant_type: "client_credentials" });
  expect(decodeProtectedHeader(issued.access_token)).toEqual({ alg: "EdDSA", typ: "at+jwt", kid: kids[0]![0] });
  const delegated = await ask(instances[2]!, child, {
    grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
    subject_token: issued.access_token,
    subject_token_type: "urn:ietf:params:oauth:token-type:access_token",
  });
  expect(delegated.scope).toBe("a:*");
});

test("an assertion spent at one instance is spent at all", async () => {
  const agent = await registered(around, instances[0]!, { tenant: "acme", agent: "spender-agent" }, ["a:*"]);
  const form = { grant_type: "client_credentials", ...(await client({ url: issuer }, agent, agent.key).credentials()) };
  const statuses = await Promise.all(
    instances.map(async ({ url }) => (await fetch(`${url}/oauth/token`, { method: "POST", body: new URLSearchParams(form) })).status),
  );
  expect(statuses.sort()).toEqual([200, 401, 401]);
});

test("a rotated key is announced before it signs, one at a time, by a fabric-wide admin", async () => {
  const before = await kidsOf(instances[0]!);
  const url = `${instances[0]!.url}/v1/keys:rotate`;
  expect((await asOperator(around, { acme: ["admin"] }, "POST", url)).status).toBe(403);
  const rotated = await asOperator(around, { "*": ["admin"] }, "POST", url);
  expect(rotated.status).toBe(200);
  expect(Date.parse(rotated.body.signsFrom)).toBeGreaterThan(Date.now() + 600_000);
  expect(await kidsOf(instances[0]!)).toEqual([...before, rotated.body.kid]);
  expect((await asOperator(around, { "*": ["admin"] }, "POST", url)).status).toBe(409);
  const agent = await registered(around, instances[0]!, { tenant: "acme", agent: "later-agent" }, ["a:*"]);
  const body = new URLSearchParams({
    grant_type: "client_credentials",
    ...(await client({ url: issuer }, agent, agent.key).credentials()),
  });
  const answer = (await (await fetch(`${instances[0]!.url}/oauth/token`, { method: "POST", body })).json()) as { access_token: string };
  expect(decodeProtectedHeader(answer.access_token).kid).toBe(before[0]);
});

test("the database holds no private key in the clear, and the runtime role cannot rewrite what it keeps", async () => {
  await using superuser = connectDatabase({ url: around.database.superuserUrl, name: "test", schema: "token" });
  const { rows } = await sql<{ sealed: Buffer; kid: string }>`select kid, sealed from signing_keys`.execute(superuser);
  for (const row of rows) expect(row.sealed.toString("latin1")).not.toMatch(/"d"|Ed25519|kty/);
  await using runtime = connectDatabase({ url: around.database.url, name: "test", schema: "token" });
  for (const forbidden of [
    "update signing_keys set sealed = sealed",
    "delete from signing_keys",
    "update agents set tenant = 'globex'",
    "update agents set owner = 'mallory'",
    "update proposals set by = 'mallory'",
    "delete from proposals",
    "update agents set public_jwk = '{}'",
    "delete from agents",
    "update tokens set expires_at = now()",
    "drop table agents",
    "alter table agents disable row level security",
  ]) {
    await expect(sql.raw(forbidden).execute(runtime), forbidden).rejects.toThrow(/permission denied|must be owner/);
  }
  expect((await sql`select * from agents`.execute(runtime)).rows).toEqual([]);
});

test("with another sealing key the service refuses to start, and says why", async () => {
  const environment = { SEALING_KEY: Buffer.alloc(32, 1).toString("base64url") };
  await expect(around.start("token-9", { issuer, environment })).rejects.toThrow("the sealing key does not open signing key");
});
