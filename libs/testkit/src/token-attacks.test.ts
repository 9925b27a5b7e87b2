import { claimedClient, verifyClientAssertion } from "@aegis/identity/assertion";
import { generateKey, importPrivateKey, type KeyAlgorithm } from "@aegis/identity/keys";
import { accessTokenType, agentTokenVerifier } from "@aegis/identity/verify";
import { SignJWT } from "jose";
import { expect, test } from "vitest";
import { tokenAttacks } from "./token-attacks.ts";

const issuer = "https://token.acme.test";
const now = 1_800_000_000;
const clock = { now: () => new Date(now * 1000) };

async function forged(alg: KeyAlgorithm, type: string, claims: Record<string, unknown>) {
  const [key, stranger] = await Promise.all([generateKey(alg), generateKey(alg)]);
  const options = { ...key, strangerJwk: stranger.privateJwk, strangerPublicJwk: stranger.publicJwk, claims, type };
  const { key: signer, kid } = await importPrivateKey(key.privateJwk);
  const genuine = await new SignJWT(claims).setProtectedHeader({ alg, kid, typ: type }).sign(signer);
  return { key, genuine, attacks: await tokenAttacks(options) };
}

test.each(["EdDSA", "ES256"] as const)("of the attacks on %s tokens none is accepted, and the genuine token is", async (alg) => {
  const claims = {
    ...{ iss: issuer, aud: "aegis", iat: now, exp: now + 300, jti: "token-0001", org: "acme", tenant: "acme" },
    ...{ client_id: "finance-agent", sub: "finance-agent", depth: 0, instance: "i-1", scope: "a:*" },
  };
  const { key, genuine, attacks } = await forged(alg, accessTokenType, claims);
  const verifier = agentTokenVerifier({ issuer, clock, jwks: async () => JSON.stringify({ keys: [key.publicJwk] }) });
  expect(await verifier.verify(genuine)).toMatchObject({ ok: true });
  expect(attacks.length).toBeGreaterThan(300);
  const accepted: string[] = [];
  for (const { name, token } of attacks) if ((await verifier.verify(token)).ok) accepted.push(name);
  expect(accepted).toEqual([]);
});

test.each(["EdDSA", "ES256"] as const)("of the attacks on %s client assertions none is accepted, and the genuine one is", async (alg) => {
  const client = { tenant: "acme", agent: "finance-agent" };
  const id = "acme/finance-agent";
  const claims = { iss: id, sub: id, aud: issuer, iat: now, exp: now + 60, jti: "assertion-0001" };
  const { key, genuine, attacks } = await forged(alg, "JWT", claims);
  const verify = (assertion: string) =>
    verifyClientAssertion(assertion, { key: key.publicJwk, client, audiences: [issuer], now: clock.now() });
  expect(await verify(genuine)).toBeDefined();
  const accepted: string[] = [];
  for (const { name, token } of attacks) {
    if (claimedClient(token) === undefined || (await verify(token)) === undefined) continue;
    accepted.push(name);
  }
  // The one key that the client registered verifies, whatever it is called; RFC 7523 asks for neither `typ` nor `iat`.
  const harmless = /^(?:no kid$|no typ$|iat absent$|kid ".*, the true key$)/;
  expect(accepted.filter((name) => !harmless.test(name))).toEqual([]);
});
