import { type CryptoKey, type JWTHeaderParameters, SignJWT } from "jose";
import { beforeAll, describe, expect, test } from "vitest";
import vectors from "../../../vectors/tokens/claims.json" with { type: "json" };
import { type GeneratedKey, generateKey, importPrivateKey } from "./keys.ts";
import { agentTokenVerifier } from "./verify.ts";

const claims = vectors.accepted[1]!.claims;
const issuer = claims.iss;
let ed: GeneratedKey;
let ec: GeneratedKey;
let other: GeneratedKey;

beforeAll(async () => {
  [ed, ec, other] = await Promise.all([generateKey("EdDSA"), generateKey("ES256"), generateKey("EdDSA")]);
});

/** An issuer whose answers, and whose time, a test decides. */
function issuerOf(...keys: GeneratedKey[]) {
  const state = { keys, up: true, fetches: 0, now: claims.iat * 1000 };
  const source = async () => {
    state.fetches += 1;
    if (!state.up) throw new Error("down");
    return JSON.stringify({ keys: state.keys.map((key) => key.publicJwk) });
  };
  return { state, source, clock: { now: () => new Date(state.now) } };
}

async function sign(key: GeneratedKey, changes: Record<string, unknown> = {}, header: Record<string, unknown> = {}): Promise<string> {
  const named = await importPrivateKey(key.privateJwk);
  const payload = Object.fromEntries(Object.entries({ ...claims, ...changes }).filter(([, value]) => value !== undefined));
  const full = { alg: named.alg, kid: named.kid, typ: "at+jwt", ...header } as JWTHeaderParameters;
  return new SignJWT(payload).setProtectedHeader(full).sign(named.key as CryptoKey);
}

const verifierOf = (from: ReturnType<typeof issuerOf>, more: object = {}) =>
  agentTokenVerifier({ issuer, jwks: from.source, clock: from.clock, ...more });

const b64 = (value: unknown) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

test("a genuine token of either algorithm is accepted with its claims", async () => {
  const verifier = verifierOf(issuerOf(ed, ec));
  expect(await verifier.verify(await sign(ed))).toEqual({ ok: true, claims });
  expect(await verifier.verify(await sign(ec))).toEqual({ ok: true, claims });
});

describe("never accepted:", () => {
  const attacks: Record<string, () => Promise<string> | string> = {
    "no signature (alg none)": () => `${b64({ alg: "none", typ: "at+jwt", kid: ed.publicJwk.kid })}.${b64(claims)}.AA`,
    "alg none with an empty signature": () => `${b64({ alg: "none", typ: "at+jwt", kid: ed.publicJwk.kid })}.${b64(claims)}.`,
    "HMAC keyed with the public key": async () => {
      const secret = Buffer.from((ed.publicJwk as { x: string }).x, "base64url");
      return new SignJWT(claims).setProtectedHeader({ alg: "HS256", typ: "at+jwt", kid: ed.publicJwk.kid }).sign(secret);
    },
    "a key of one kind under the other's name": () => sign(ec, {}, { kid: ed.publicJwk.kid }),
    "an unknown signer under a known name": () => sign(other, {}, { kid: ed.publicJwk.kid }),
    "an unknown signer that brings its key (jwk)": () => sign(other, {}, { jwk: other.publicJwk, kid: other.publicJwk.kid }),
    "an unknown signer that says where its key is (jku)": () => sign(other, {}, { jku: "https://evil.test/jwks.json" }),
    "no kid": () => sign(ed, {}, { kid: undefined }),
    "an ID token's type": () => sign(ed, {}, { typ: "JWT" }),
    "no type": () => sign(ed, {}, { typ: undefined }),
    "another issuer": () => sign(ed, { iss: "https://evil.test" }),
    "another audience": () => sign(ed, { aud: "aegis-control" }),
    "several audiences": () => sign(ed, { aud: ["aegis", "other"] }),
    "a tenant that is no name": () => sign(ed, { tenant: "acme.*" }),
    "no expiry": () => sign(ed, { exp: undefined }),
    "issued in the future": () => sign(ed, { iat: claims.iat + 61, exp: claims.exp + 61 }),
    "not valid yet": () => sign(ed, { nbf: claims.iat + 100 }),
    "an actor that is not the client": () => sign(ed, { client_id: "ledger-agent" }),
    "a changed payload": async () => (await sign(ed)).replace(/\.[^.]+\./, `.${b64({ ...claims, tenant: "globex" })}.`),
    "a cut signature": async () => (await sign(ed)).slice(0, -4),
    "an all-zero ES256 signature": async () => (await sign(ec)).replace(/[^.]+$/, Buffer.alloc(64).toString("base64url")),
    "five parts": async () => `${await sign(ed)}.x.y`,
    "surrounding space": async () => ` ${await sign(ed)} `,
    "a token over the size cap": () => sign(ed, { padding: "x".repeat(20_000) }),
    "an empty text": () => "",
    "a header that is no JSON": () => `${b64("nonsense")}.${b64(claims)}.AA`,
  };

  test.each(Object.entries(attacks))("%s", async (_, attack) => {
    const verifier = verifierOf(issuerOf(ed, ec));
    expect(await verifier.verify(await attack())).toEqual({ ok: false, why: "invalid" });
  });

  test("a critical extension, understood by nobody or by the library", async () => {
    const verifier = verifierOf(issuerOf(ed));
    const named = await importPrivateKey(ed.privateJwk);
    const header = { alg: "EdDSA", kid: named.kid, typ: "at+jwt", b64: true, crit: ["b64"] };
    const token = await new SignJWT(claims).setProtectedHeader(header).sign(named.key);
    expect(await verifier.verify(token)).toEqual({ ok: false, why: "invalid" });
  });
});

test("an expired token is told apart from an invalid one, and says whose it was", async () => {
  const from = issuerOf(ed);
  const verifier = verifierOf(from);
  const token = await sign(ed);
  from.state.now = claims.exp * 1000 - 1;
  expect(await verifier.verify(token)).toMatchObject({ ok: true });
  from.state.now += 1;
  expect(await verifier.verify(token)).toEqual({ ok: false, why: "expired", claims });
  expect(await verifierOf(from).verify(token)).toEqual({ ok: false, why: "expired", claims });
});

test("an expired token of another issuer is invalid, not expired", async () => {
  const from = issuerOf(ed);
  from.state.now = claims.exp * 1000;
  expect(await verifierOf(from).verify(await sign(ed, { iss: "https://evil.test" }))).toEqual({ ok: false, why: "invalid" });
});

test("unknown kids cause one fetch per 30 seconds, and a new key is then found", async () => {
  const from = issuerOf(ed);
  const verifier = verifierOf(from);
  await verifier.verify(await sign(ed));
  const token = await sign(other);
  from.state.keys = [ed, other];
  for (let n = 0; n < 50; n++) expect(await verifier.verify(token)).toMatchObject({ ok: false });
  expect(from.state.fetches).toBe(1);
  from.state.now += 30_000;
  const answers = await Promise.all(Array.from({ length: 50 }, () => verifier.verify(token)));
  expect(answers.every((answer) => answer.ok)).toBe(true);
  expect(from.state.fetches).toBe(2);
});

test("the last good keys outlive an issuer that is down, and a restart", async () => {
  const from = issuerOf(ed);
  const kept: string[] = [];
  const cache = { load: async () => kept.at(-1), save: async (text: string) => void kept.push(text) };
  const first = verifierOf(from, { cache });
  await first.verify(await sign(ed));
  from.state.up = false;
  from.state.now += 299_000;
  expect(await first.verify(await sign(ed, { jti: "another-token-1" }))).toMatchObject({ ok: true });
  expect(await verifierOf(from, { cache }).verify(await sign(ed))).toMatchObject({ ok: true });
});

test("an issuer that answers with no usable key takes no key away", async () => {
  const from = issuerOf(ed);
  const verifier = verifierOf(from);
  await verifier.verify(await sign(ed));
  from.state.keys = [];
  from.state.now += 31_000;
  await verifier.verify(await sign(other));
  expect(await verifier.verify(await sign(ed))).toMatchObject({ ok: true });
});

test("without any keys ever had, nothing is said about a token", async () => {
  const from = issuerOf(ed);
  from.state.up = false;
  await expect(verifierOf(from).verify(await sign(ed))).rejects.toMatchObject({ code: "unavailable" });
});

test("an issuer that never answers is given up on", async () => {
  const verifier = agentTokenVerifier({ issuer, jwks: () => new Promise(() => {}), timeoutMs: 20 });
  await expect(verifier.verify(await sign(ed))).rejects.toMatchObject({ code: "unavailable" });
});

test("a key taken out of the set takes its verified tokens with it", async () => {
  const from = issuerOf(ed, ec);
  const verifier = verifierOf(from);
  const token = await sign(ed);
  expect(await verifier.verify(token)).toMatchObject({ ok: true });
  expect(verifier.cached(token)).toMatchObject({ ok: true });
  from.state.keys = [ec];
  from.state.now += 31_000;
  await verifier.verify(await sign(other));
  expect(verifier.cached(token)).toBeUndefined();
  expect(await verifier.verify(token)).toEqual({ ok: false, why: "invalid" });
});

test("at most cacheSize verified tokens are kept, the least recently used go first", async () => {
  const verifier = verifierOf(issuerOf(ed), { cacheSize: 2 });
  const [a, b, c] = await Promise.all(["token-aaaa", "token-bbbb", "token-cccc"].map((jti) => sign(ed, { jti })));
  await verifier.verify(a!);
  await verifier.verify(b!);
  await verifier.verify(a!);
  await verifier.verify(c!);
  expect([a, b, c].map((token) => verifier.cached(token!)?.ok)).toEqual([true, undefined, true]);
});
