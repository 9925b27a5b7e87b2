import { randomBytes } from "node:crypto";
import { clientId } from "@aegis/identity/assertion";
import { type GeneratedKey, generateKey, importPrivateKey, privateJwk, publicJwkOf } from "@aegis/identity/keys";
import { connectDatabase } from "@aegis/postgres/connect";
import { type TokenAttack, tokenAttacks } from "@aegis/testkit/token-attacks";
import { SignJWT } from "jose";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import { unseal } from "#outbound/seal.ts";
import { type Client, claimsOf, postForm, type Running, registered, type Surroundings, surroundings } from "./running.ts";

let around: Surroundings;
let service: Running;
let agent: Client;
let child: Client;
/** The server's own signing key: an attacker who had it could sign what the server never would. */
let signing: GeneratedKey;

beforeAll(async () => {
  around = await surroundings();
  const sealingKey = randomBytes(32);
  service = await around.start("token-0", { environment: { SEALING_KEY: sealingKey.toString("base64url") } });
  await using database = connectDatabase({ url: around.database.superuserUrl, name: "test", schema: "token" });
  const { rows } = await sql<{ kid: string; sealed: Buffer }>`select kid, sealed from signing_keys`.execute(database);
  const { kid, sealed } = rows[0]!;
  const jwk = { ...privateJwk.parse(JSON.parse(unseal(sealingKey, kid, sealed))), kid };
  signing = { privateJwk: jwk, publicJwk: publicJwkOf(jwk) };
  agent = await registered(around, service, { tenant: "acme", agent: "finance-agent" }, ["pay:*"]);
  child = await registered(around, service, { tenant: "acme", agent: "child-agent" }, ["pay:*"], ["finance-agent"]);
});
afterAll(async () => around?.[Symbol.asyncDispose]());

async function attacksOn(key: GeneratedKey, claims: object, type: string): Promise<TokenAttack[]> {
  const stranger = await generateKey();
  const from = { ...key, strangerJwk: stranger.privateJwk, strangerPublicJwk: stranger.publicJwk };
  const attacks = await tokenAttacks({ ...from, claims: { ...claims }, type });
  expect(attacks.length).toBeGreaterThan(200);
  return attacks;
}

/** Names of the attacks that were answered as a genuine token would be. */
async function acceptedOf(attacks: readonly TokenAttack[], accepts: (token: string) => Promise<boolean>): Promise<string[]> {
  const accepted: string[] = [];
  for (const { name, token } of attacks) if (await accepts(token)) accepted.push(name);
  return accepted;
}

test("of more than 200 attacks on its tokens, introspection calls none active", async () => {
  const genuine = await agent.own();
  const bearer = { authorization: `Bearer ${await around.operators.token({ user: "alice@acme.test", roles: { acme: ["auditor"] } })}` };
  const isActive = async (token: string) => {
    const answer = await postForm(`${service.url}/oauth/introspect`, { token }, bearer);
    return answer.body.active === true;
  };
  expect(await isActive(genuine.body.access_token)).toBe(true);
  expect(await acceptedOf(await attacksOn(signing, claimsOf(genuine), "at+jwt"), isActive)).toEqual([]);
});

test("of more than 200 attacks on its tokens, the exchange takes none for a subject token", async () => {
  const genuine = await agent.own();
  const isTaken = async (token: string) => (await child.exchange(token)).status === 200;
  expect(await isTaken(genuine.body.access_token)).toBe(true);
  expect(await acceptedOf(await attacksOn(signing, claimsOf(genuine), "at+jwt"), isTaken)).toEqual([]);
});

test("of more than 200 attacks on client assertions, the token endpoint takes none", async () => {
  const id = clientId(agent);
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: id, sub: id, aud: service.url, iat: now, exp: now + 200, jti: "attacked-1" };
  const isTaken = async (assertion: string) =>
    (
      await postForm(`${service.url}/oauth/token`, {
        grant_type: "client_credentials",
        ...(await agent.credentials()),
        client_assertion: assertion,
      })
    ).status === 200;
  // Each is tried with the same jti: were one taken, it would be only the first. So what verifies is told from what was used before.
  const refusedFor = async (assertion: string) => {
    const form = { grant_type: "client_credentials", ...(await agent.credentials()), client_assertion: assertion };
    return String((await postForm(`${service.url}/oauth/token`, form)).body.error_description);
  };
  const verifies = async (assertion: string) => (await isTaken(assertion)) || (await refusedFor(assertion)).includes("used before");
  const accepted = await acceptedOf(await attacksOn(agent.key, claims, "JWT"), verifies);
  const harmless = /^(?:no kid$|no typ$|iat absent$|kid ".*, the true key$)/;
  expect(accepted.filter((name) => !harmless.test(name))).toEqual([]);
});

test("a made-up delegation signed with the server's own key is not honoured: it was never recorded", async () => {
  const { key, kid } = await importPrivateKey(signing.privateJwk);
  const claims = { ...claimsOf(await agent.own()), jti: "never-recorded-1" };
  const token = await new SignJWT({ ...claims }).setProtectedHeader({ alg: "EdDSA", kid, typ: "at+jwt" }).sign(key);
  expect((await child.exchange(token)).body).toMatchObject({ error: "invalid_request" });
});

/** A small generator of whole numbers, the same in every run. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

test("a sample of delegations: every widening is refused by the server, every narrowing granted and within its parent", async () => {
  const pick = numbers(20_261_120);
  const items = ["pay:send", "pay:read", "pay:*", "mail:send", "pay:sen", "*:*", "pay:send:x", "PAY:send"];
  for (let n = 0; n < Number(process.env.AEGIS_DELEGATIONS ?? 150); n++) {
    const ttl = 60 + pick(200);
    const wide = pick(2) === 0;
    const parent = await agent.own({ scope: wide ? "pay:*" : "pay:read", expires_in: String(ttl), prompt_id: "p-1", session_id: "s-1" });
    const wanted = items[pick(items.length)]!;
    const seconds = 1 + pick(300);
    const prompt = pick(6) === 0 ? "p-2" : "p-1";
    const session = pick(6) === 0 ? "s-2" : "s-1";
    const audience = pick(8) === 0 ? "aegis-control" : "aegis";
    const form = { scope: wanted, expires_in: String(seconds), prompt_id: prompt, session_id: session, audience };
    const answer = await child.exchange(parent.body.access_token, form);
    const left = claimsOf(parent).exp - Math.floor(Date.now() / 1000);
    const inScope = wide ? ["pay:send", "pay:read", "pay:*", "pay:sen"].includes(wanted) : wanted === "pay:read";
    const narrows = inScope && prompt === "p-1" && session === "s-1" && audience === "aegis";
    // A second may pass between the two clocks.
    if (narrows && seconds < left - 1) expect(answer.status, JSON.stringify(form)).toBe(200);
    if (!narrows || seconds > left + 1) expect(answer.status, JSON.stringify(form)).toBe(400);
    if (answer.status !== 200) continue;
    const claims = claimsOf(answer);
    expect(claims).toMatchObject({
      scope: wanted,
      prompt_id: "p-1",
      session_id: "s-1",
      aud: "aegis",
      tenant: "acme",
      sub: "finance-agent",
      depth: 1,
    });
    expect(claims.exp).toBeLessThanOrEqual(claimsOf(parent).exp);
  }
});
