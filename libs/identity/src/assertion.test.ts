import { SignJWT } from "jose";
import { beforeAll, expect, test } from "vitest";
import { claimedClient, clientId, parseClientId, signClientAssertion, verifyClientAssertion } from "./assertion.ts";
import { type GeneratedKey, generateKey, importPrivateKey } from "./keys.ts";

const client = { tenant: "acme", agent: "finance-agent" };
const audience = "https://token.test";
const now = new Date(1_700_000_000_000);
let key: GeneratedKey;
beforeAll(async () => {
  key = await generateKey();
});

const verify = (assertion: string, changes: object = {}) =>
  verifyClientAssertion(assertion, { key: key.publicJwk, client, audiences: [audience, `${audience}/oauth/token`], now, ...changes });
const sign = (changes: object = {}) => signClientAssertion({ privateJwk: key.privateJwk, client, audience, now, ...changes });

test("an assertion says who signed it and until when it must be remembered", async () => {
  const assertion = await sign();
  expect(claimedClient(assertion)).toEqual(client);
  expect(await verify(assertion)).toMatchObject({ client, expires: now.getTime() / 1000 + 60 });
});

test("the token endpoint is as good an audience as the issuer; any other is none", async () => {
  expect(await verify(await sign({ audience: `${audience}/oauth/token` }))).toBeDefined();
  expect(await verify(await sign({ audience: "https://other.test" }))).toBeUndefined();
});

test("the same agent name in another tenant is another client", async () => {
  expect(await verify(await sign({ client: { tenant: "globex", agent: "finance-agent" } }))).toBeUndefined();
  expect(clientId({ tenant: "a", agent: "b" })).toBe("a/b");
  for (const text of ["a", "a/b/c", "/b", "a/", "A/b", "a /b", ""]) expect(parseClientId(text)).toBeUndefined();
});

test("an assertion that lives over five minutes, has expired, or has no jti is refused", async () => {
  expect(await verify(await sign({ lifetimeSeconds: 331 }))).toBeUndefined();
  expect(await verify(await sign(), { now: new Date(now.getTime() + 60_000) })).toBeUndefined();
  const named = await importPrivateKey(key.privateJwk);
  const bare = new SignJWT({ iss: "acme/finance-agent", sub: "acme/finance-agent", aud: audience, exp: now.getTime() / 1000 + 60 });
  expect(await verify(await bare.setProtectedHeader({ alg: "EdDSA" }).sign(named.key))).toBeUndefined();
});

test("another key's signature is refused", async () => {
  expect(await verify(await sign({ privateJwk: (await generateKey()).privateJwk }))).toBeUndefined();
});
