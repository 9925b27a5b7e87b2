import { SignJWT } from "jose";
import { beforeAll, expect, test } from "vitest";
import { checkProof, type ProofTarget, signProof, tokenHash } from "./dpop.ts";
import { proofNonces } from "./dpop-nonce.ts";
import { type GeneratedKey, generateKey, importPrivateKey, thumbprint } from "./keys.ts";

const now = new Date(1_800_000_000_000);
const seconds = now.getTime() / 1000;
const htu = "https://authz.acme.test/aegis.authz.v1.AuthorizationService/Check";
const accessToken = "header.claims.signature";
const target: ProofTarget = { htm: "POST", htu: [htu], accessToken, now };
let keys: Record<"EdDSA" | "ES256", GeneratedKey>;
beforeAll(async () => {
  keys = { EdDSA: await generateKey("EdDSA"), ES256: await generateKey("ES256") };
});

/** A proof with claims and header members changed; undefined takes one away. */
async function proof(claims: Record<string, unknown> = {}, header: Record<string, unknown> = {}, by: GeneratedKey = keys.ES256) {
  const { key, alg } = await importPrivateKey(by.privateJwk);
  const { kid: _, use: _use, alg: _alg, ...jwk } = by.publicJwk;
  const set = (from: object) => Object.fromEntries(Object.entries(from).filter(([, value]) => value !== undefined));
  const all = { jti: "proof-1", htm: "POST", htu, iat: seconds, ath: tokenHash(accessToken), ...claims };
  return new SignJWT(set(all)).setProtectedHeader(set({ typ: "dpop+jwt", alg, jwk, ...header }) as never).sign(key);
}

test.each(["EdDSA", "ES256"] as const)("RFC 9449 §4.2: a proof of an %s key is accepted, and names the key", async (alg) => {
  const { privateJwk, publicJwk } = keys[alg];
  const checked = await checkProof(await signProof({ privateJwk, htm: "POST", htu, accessToken, now }), target);
  expect(checked).toMatchObject({ ok: true, jkt: await thumbprint(publicJwk) });
});

const refused: Record<string, () => Promise<string>> = {
  "§4.3.2: it is no JWT": async () => "proof",
  "§4.3.3: jti is missing": () => proof({ jti: undefined }),
  "§4.3.3: htm is missing": () => proof({ htm: undefined }),
  "§4.3.3: htu is missing": () => proof({ htu: undefined }),
  "§4.3.3: iat is missing": () => proof({ iat: undefined }),
  "§4.3.3: jti is no text": () => proof({ jti: 7 }),
  "§4.3.4: typ is another": () => proof({}, { typ: "JWT" }),
  "§4.3.4: typ is missing": () => proof({}, { typ: undefined }),
  "§4.3.5: alg is none": async () =>
    `${Buffer.from('{"typ":"dpop+jwt","alg":"none"}').toString("base64url")}.${(await proof()).split(".")[1]}.`,
  "§4.3.6: the signature is another key's": () => proof({}, { jwk: keys.EdDSA.publicJwk, alg: "ES256" }),
  "§4.3.6: jwk is missing": () => proof({}, { jwk: undefined }),
  "§4.3.7: jwk holds the private key": () => proof({}, { jwk: keys.ES256.privateJwk }),
  "§4.3.8: htm is another": () => proof({ htm: "GET" }),
  "§4.3.8: htm in another case": () => proof({ htm: "post" }),
  "§4.3.9: htu of another host": () => proof({ htu: htu.replace("authz", "other") }),
  "§4.3.9: htu of another method": () => proof({ htu: htu.replace("/Check", "/ReportOutcome") }),
  "§4.3.9: htu of another scheme": () => proof({ htu: htu.replace("https", "http") }),
  "§4.3.9: htu with a user name": () => proof({ htu: htu.replace("//", "//authz.acme.test@") }),
  "§4.3.11: iat too old": () => proof({ iat: seconds - 61 }),
  "§4.3.11: iat too new": () => proof({ iat: seconds + 61 }),
  "§4.3.11: iat with a fraction": () => proof({ iat: seconds + 0.5 }),
  "§4.3.11: exp has passed": () => proof({ exp: seconds - 1 }),
  "§4.3.12: ath is missing": () => proof({ ath: undefined }),
  "§4.3.12: ath of another token": () => proof({ ath: tokenHash("another") }),
  "RFC 7515 §4.1.10: cty": () => proof({}, { cty: "JWT" }),
  "RFC 7515 §4.1.2: jku": () => proof({}, { jku: "https://attacker.test" }),
};

test.each(Object.entries(refused))("refused by RFC 9449 %s", async (_, make) => {
  expect(await checkProof(await make(), target)).toMatchObject({ ok: false, error: "invalid_dpop_proof" });
});

test("RFC 9449 §4.3.9: query, fragment, a default port and the host's case make no other URL", async () => {
  for (const same of [`${htu}?a=b`, `${htu}#x`, htu.replace(".test", ".test:443"), htu.replace("authz.acme", "AUTHZ.acme")])
    expect(await checkProof(await proof({ htu: same }), target)).toMatchObject({ ok: true });
});

test("a proof is the same proof however its signature is made again", async () => {
  const [a, b, c] = await Promise.all([proof(), proof(), proof({ jti: "proof-2" })].map(async (one) => checkProof(await one, target)));
  if (!a?.ok || !b?.ok || !c?.ok) throw new Error("refused");
  expect(a.id).toBe(b.id);
  expect(c.id).not.toBe(a.id);
});

test("RFC 9449 §8: without a nonce of this server the proof is asked for again; any instance with the secret knows it", async () => {
  const [mine, same, other] = [proofNonces(Buffer.alloc(32, 1)), proofNonces(Buffer.alloc(32, 1)), proofNonces(Buffer.alloc(32, 2))];
  const check = async (nonce: string | undefined, at = now) =>
    checkProof(await proof({ nonce, iat: at.getTime() / 1000 }), { ...target, now: at, acceptsNonce: (text) => mine.accepts(text, at) });
  expect(await check(undefined)).toMatchObject({ error: "use_dpop_nonce" });
  expect(await check("x")).toMatchObject({ error: "use_dpop_nonce" });
  expect(await check("é".repeat(32))).toMatchObject({ error: "use_dpop_nonce" });
  expect(await check(other.current(now))).toMatchObject({ error: "use_dpop_nonce" });
  expect(await check(same.current(now))).toMatchObject({ ok: true });
  expect(await check(same.current(now), new Date(now.getTime() + 150_000))).toMatchObject({ ok: true });
  expect(await check(same.current(now), new Date(now.getTime() + 600_000))).toMatchObject({ error: "use_dpop_nonce" });
});
