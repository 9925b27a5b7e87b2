import { generateKey, importPrivateKey } from "@aegis/identity/keys";
import { agentTokenVerifier } from "@aegis/identity/verify";
import { SignJWT } from "jose";
import { expect, test } from "vitest";
import { announceSeconds, type KeyTimes, lingerSeconds, mayRotate, publishedKeys, signingKey } from "./signing-key.ts";

type Key = KeyTimes & Awaited<ReturnType<typeof generateKey>>;

const issuer = "https://token.acme.test";
const start = 1_800_000_000_000;

test("over four rotations no valid token is refused at any verifier, and a key that has ended verifies nothing from that second on", async () => {
  let now = start;
  let keys: Key[] = [];
  let reachable = true;
  const add = async (signsFrom: number) => {
    const pair = await generateKey();
    keys.push({ ...pair, kid: pair.publicJwk.kid, signsFrom, publishedUntil: undefined });
  };
  const jwks = async () => {
    if (!reachable) throw new Error("the issuer is away");
    const published = publishedKeys(keys, now);
    const of = ({ publicJwk, publishedUntil }: Key) => ({
      ...publicJwk,
      ...(publishedUntil === undefined ? {} : { exp: publishedUntil / 1000 }),
    });
    return JSON.stringify({ keys: published.map(of) });
  };
  const verifiers = [0, 1, 2].map(() => agentTokenVerifier({ issuer, jwks, clock: { now: () => new Date(now) } }));
  const sign = async (by: Key) => {
    const { key, kid } = await importPrivateKey(by.privateJwk);
    const iat = now / 1000;
    const claims = { iss: issuer, aud: "aegis", iat, exp: iat + 300, jti: `token-${now}-${Math.floor(iat)}`, org: "acme", tenant: "acme" };
    const agent = { client_id: "a-agent", sub: "a-agent", depth: 0, instance: "i", scope: "a:*" };
    return {
      token: await new SignJWT({ ...claims, ...agent }).setProtectedHeader({ alg: "EdDSA", kid, typ: "at+jwt" }).sign(key),
      exp: iat + 300,
    };
  };
  await add(now);
  let alive: { token: string; exp: number }[] = [];
  let verified = 0;
  for (let step = 0; step < 4 * 240; step++) {
    now = start + step * 15_000;
    if (step % 240 === 120 && mayRotate(keys, now)) {
      const signsFrom = now + announceSeconds * 1000;
      keys = keys.map((key) => ({ ...key, publishedUntil: key.publishedUntil ?? signsFrom + lingerSeconds(300) * 1000 }));
      await add(signsFrom);
    }
    const signer = signingKey(keys, now);
    if (signer === undefined) throw new Error("no key signs");
    alive = [...alive.filter((one) => one.exp * 1000 > now), await sign(signer)];
    for (const verifier of verifiers)
      for (const { token } of alive) {
        verified++;
        expect(await verifier.verify(token), `after ${step * 15} s`).toMatchObject({ ok: true });
      }
  }
  expect(verified).toBeGreaterThan(50_000);
  expect(keys).toHaveLength(5);
  const last = keys.at(-1)!;
  now += 600_000;
  keys = keys.map((key) => (key === last ? { ...key, publishedUntil: now + 60_000 } : key));
  await add(now - 1000);
  for (const verifier of verifiers) await verifier.verify((await sign(keys.at(-1)!)).token);
  now += 30_000;
  const forged = await sign(last);
  for (const verifier of verifiers) expect(await verifier.verify(forged.token)).toMatchObject({ ok: true });
  // From here on nobody can be asked: what was told before holds.
  reachable = false;
  now += 30_000;
  for (const verifier of verifiers) {
    expect(await verifier.verify(forged.token), "a token verified before").toMatchObject({ ok: false });
    expect(await verifier.verify((await sign(last)).token), "a new one").toMatchObject({ ok: false });
  }
}, 60_000);
