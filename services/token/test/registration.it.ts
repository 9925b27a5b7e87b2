import { generateKey } from "@aegis/identity/keys";
import { afterAll, beforeAll, expect, test } from "vitest";
import { asOperator, client, type Running, type Surroundings, surroundings } from "./running.ts";

let around: Surroundings;
let service: Running;

beforeAll(async () => {
  around = await surroundings();
  service = await around.start("token-0");
});
afterAll(async () => around?.[Symbol.asyncDispose]());

const issue = async (more: object = {}, role: "admin" | "soc" = "admin") =>
  asOperator(around, { acme: [role] }, "POST", `${service.url}/v1/registration-tokens`, {
    ...{ tenant: "acme", owner: "alice@acme.test", scope: ["ledger:*"], ...more },
  });

async function register(bearer: string, name: string, more: object = {}) {
  const key = await generateKey();
  const response = await fetch(`${service.url}/oauth/register`, {
    method: "POST",
    headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json" },
    body: JSON.stringify({ client_name: name, jwks: { keys: [key.publicJwk] }, scope: "ledger:read", ...more }),
  });
  return { key, status: response.status, body: (await response.json()) as Record<string, unknown> };
}

test("whoever holds an initial access token registers within it, and mints once an operator agrees", async () => {
  expect((await issue({}, "soc")).status).toBe(403);
  const { body } = await issue();
  const token = body.initial_access_token as string;
  const made = await register(token, "guest");
  expect([made.status, made.body]).toMatchObject([201, { client_id: "acme/guest", scope: "ledger:read", state: "registered" }]);
  const guest = client(service, { tenant: "acme", agent: "guest" }, made.key);
  expect((await guest.own()).body.error).toBe("unauthorized_client");
  await asOperator(around, { acme: ["admin"] }, "POST", `${service.url}/v1/agents/guest:activate?tenant=acme`, {});
  expect((await guest.own()).body.scope).toBe("ledger:read");
  expect((await register(token, "second")).body).toMatchObject({ error: "invalid_token" });
});

test("nothing beyond the ceilings, and what is refused spends nothing", async () => {
  const token = (await issue({ active: true })).body.initial_access_token as string;
  const refusals = [
    { scope: "mail:send" },
    { scope: "ledger:* mail:send" },
    { may_act: ["planner"] },
    { jwks: { keys: [] } },
    { client_name: "A B" },
  ];
  for (const more of refusals) expect((await register(token, "wide", more)).body.error).toBe("invalid_client_metadata");
  expect((await register(`${token.slice(0, -1)}${token.endsWith("A") ? "B" : "A"}`, "wide")).status).toBe(401);
  expect((await register(token.replace("acme.", "globex."), "wide")).status).toBe(401);
  expect((await register(token, "wide")).body.state).toBe("active");
});

test("of many at once just as many pass as the token has uses", async () => {
  const token = (await issue({ uses: 3 })).body.initial_access_token as string;
  const answers = await Promise.all(Array.from({ length: 8 }, (_, index) => register(token, `crowd-${index}`)));
  expect(answers.filter(({ status }) => status === 201)).toHaveLength(3);
  expect(answers.filter(({ status }) => status === 401)).toHaveLength(5);
});
