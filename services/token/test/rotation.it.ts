import { randomBytes } from "node:crypto";
import { importPrivateKey, privateJwk } from "@aegis/identity/keys";
import { agentTokenVerifier } from "@aegis/identity/verify";
import { connectDatabase } from "@aegis/postgres/connect";
import { until } from "@aegis/testkit/until";
import { decodeProtectedHeader, SignJWT } from "jose";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import { unseal } from "#outbound/seal.ts";
import { asOperator, type Client, claimsOf, client, type Running, registered, type Surroundings, surroundings } from "./running.ts";

/** `AEGIS_DRILL_ROTATION=1` follows a rotation to the old key's end, about two minutes; else only its beginning. */
const whole = process.env.AEGIS_DRILL_ROTATION === "1";
const announceSeconds = 35;
const tokenSeconds = 10;
const marginSeconds = 60;
const issuer = "https://token.acme.test";
const sealingKey = randomBytes(32);

let around: Surroundings;
let instances: Running[];
let agent: Client;

beforeAll(async () => {
  around = await surroundings();
  const environment = {
    SEALING_KEY: sealingKey.toString("base64url"),
    KEY_ANNOUNCE_SECONDS: String(announceSeconds),
    TOKEN_SECONDS: String(tokenSeconds),
    KEY_ALGORITHM: "ES256",
  };
  // The first key is an EdDSA one: a change of algorithm is a rotation like any other.
  instances = [await around.start("token-0", { issuer, environment: { ...environment, KEY_ALGORITHM: "EdDSA" } })];
  instances.push(await around.start("token-1", { issuer, environment }));
  agent = await registered(around, instances[0]!, { tenant: "acme", agent: "busy-agent" }, ["pay:*"]);
});
afterAll(async () => around?.[Symbol.asyncDispose]());

/** Issues at both instances in turn, and has every token that still lives verified by three verifiers with authz's settings, over and over. */
function load() {
  const verifiers = [0, 1, 2].map((n) => {
    const jwks = `${instances[n % instances.length]!.url}/.well-known/jwks.json`;
    return agentTokenVerifier({ issuer, jwks, cacheSize: 1 });
  });
  const seen = { issued: 0, verified: 0, refused: [] as string[], algorithms: new Set<string>() };
  let alive: { token: string; exp: number }[] = [];
  let stopped = false;
  const issue = async () => {
    for (let n = 0; !stopped; n++) {
      const { url } = instances[n % instances.length]!;
      const form = { grant_type: "client_credentials", ...(await client({ url: issuer }, agent, agent.key).credentials()) };
      const answer = await fetch(`${url}/oauth/token`, { method: "POST", body: new URLSearchParams(form) });
      const { access_token: token } = (await answer.json()) as { access_token: string };
      if (answer.status !== 200) seen.refused.push(`not issued: ${answer.status}`);
      else alive.push({ token, exp: claimsOf({ body: { access_token: token } } as never).exp });
      seen.issued++;
      seen.algorithms.add(String(decodeProtectedHeader(token).alg));
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  const verify = async () => {
    while (!stopped) {
      // A token that ends while it is looked at says nothing.
      alive = alive.filter(({ exp }) => exp * 1_000 > Date.now() + 500);
      for (const { token } of alive.slice())
        for (const verifier of verifiers) {
          const result = await verifier.verify(token);
          seen.verified++;
          if (!result.ok && result.why === "invalid")
            seen.refused.push(`${decodeProtectedHeader(token).kid} at ${new Date().toISOString()}`);
        }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const running = [issue(), verify()];
  return {
    seen,
    verifiers,
    async stop() {
      stopped = true;
      await Promise.all(running);
    },
  };
}

/** A token that the old key signs once more, as an attacker who got hold of it would. */
async function signedByOld(kid: string): Promise<string> {
  await using database = connectDatabase({ url: around.database.superuserUrl, name: "test", schema: "token" });
  const { rows } = await sql<{ sealed: Buffer }>`select sealed from signing_keys where kid = ${kid}`.execute(database);
  const { key, alg } = await importPrivateKey(privateJwk.parse(JSON.parse(unseal(sealingKey, kid, rows[0]!.sealed))));
  const now = Math.floor(Date.now() / 1_000);
  const own = { client_id: "busy-agent", sub: "busy-agent", org: "acme", tenant: "acme", depth: 0, instance: "i", scope: "pay:*" };
  return new SignJWT({ iss: issuer, aud: "aegis", iat: now, exp: now + 300, jti: `old-key-${now}-token`, ...own })
    .setProtectedHeader({ alg, kid, typ: "at+jwt" })
    .sign(key);
}

test("while a key is rotated under load no valid token is refused, and the old key stops verifying on time", {
  timeout: 300_000,
}, async () => {
  const jwks = async () => {
    const answer = await fetch(`${instances[0]!.url}/.well-known/jwks.json`);
    return ((await answer.json()) as { keys: { kid: string; alg: string; exp?: number }[] }).keys;
  };
  const [old] = await jwks();
  const running = load();
  await until(async () => running.seen.verified > 100, { what: "tokens to be verified" });
  // By the second instance: the first learns of it from the database.
  const rotated = await asOperator(around, { "*": ["admin"] }, "POST", `${instances[1]!.url}/v1/keys:rotate`);
  expect(rotated.status).toBe(200);
  const signsFrom = Date.parse(rotated.body.signsFrom);
  await until(async () => (await jwks()).length === 2, { what: "both keys to be published", timeoutMs: 30_000 });
  const ends = ((await jwks()).find(({ kid }) => kid === old!.kid)?.exp ?? 0) * 1_000;
  expect(Math.abs(ends - signsFrom - (tokenSeconds + marginSeconds) * 1_000)).toBeLessThan(1_500);
  if (whole) {
    await until(async () => Date.now() > ends - 3_000, { what: "the old key's last seconds", timeoutMs: 200_000 });
    expect([...running.seen.algorithms]).toEqual(["EdDSA", "ES256"]);
    const late = await signedByOld(old!.kid);
    for (const verifier of running.verifiers) expect(await verifier.verify(late)).toMatchObject({ ok: true });
    await until(async () => Date.now() >= ends, { what: "the old key's end", timeoutMs: 20_000, intervalMs: 5 });
    for (const verifier of running.verifiers) expect(await verifier.verify(late)).toMatchObject({ ok: false, why: "invalid" });
    for (const verifier of running.verifiers) expect(await verifier.verify(await signedByOld(old!.kid))).toMatchObject({ ok: false });
    await until(async () => (await jwks()).every(({ kid }) => kid !== old!.kid), { what: "the old key to be published no more" });
  }
  const before = running.seen.verified;
  await until(async () => running.seen.verified > before + 200, { what: "more tokens to be verified" });
  await running.stop();
  const { issued, verified, refused } = running.seen;
  console.log(
    `rotation${whole ? "" : " (its beginning)"} under load: ${issued} tokens issued, ${verified} verifications, ${refused.length} refused`,
  );
  expect(refused).toEqual([]);
});
