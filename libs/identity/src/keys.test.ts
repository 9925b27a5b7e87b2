import { expect, test } from "vitest";
import { generateKey, importPrivateKey, importPublicKey, publicJwk, publicJwkOf, thumbprint } from "./keys.ts";

test("the thumbprint is that of RFC 8037 appendix A.3", async () => {
  const jwk = { kty: "OKP", crv: "Ed25519", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" } as const;
  expect(await thumbprint(jwk)).toBe("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
});

test.each(["EdDSA", "ES256"] as const)(
  "a generated %s key is named by its thumbprint and has a public half without the private one",
  async (alg) => {
    const key = await generateKey(alg);
    expect(key.publicJwk.kid).toBe(await thumbprint(key.publicJwk));
    expect(key.publicJwk).not.toHaveProperty("d");
    expect(publicJwkOf(key.privateJwk)).toEqual(key.publicJwk);
    expect(await importPublicKey(key.publicJwk)).toMatchObject({ kid: key.publicJwk.kid, alg });
  },
);

test.each([
  ["a private key", async () => (await generateKey()).privateJwk],
  ["a symmetric key", async () => ({ kty: "oct", k: "AAAA" })],
  ["an RSA key", async () => ({ kty: "RSA", n: "AAAA", e: "AQAB" })],
  ["another curve", async () => ({ kty: "EC", crv: "P-384", x: "A".repeat(64), y: "A".repeat(64) })],
  ["another algorithm than the curve's", async () => ({ ...(await generateKey()).publicJwk, alg: "HS256" })],
  ["a key for encryption", async () => ({ ...(await generateKey()).publicJwk, use: "enc" })],
  ["a key whose operations are others", async () => ({ ...(await generateKey()).publicJwk, use: undefined, key_ops: ["encrypt"] })],
])("%s is no public key", async (_, make) => {
  const jwk = await make();
  expect(publicJwk.safeParse(jwk).success).toBe(false);
  await expect(importPublicKey(jwk)).rejects.toMatchObject({ code: "invalid_argument" });
});

test("a key as WebCrypto exports it, with its operations, is taken", async () => {
  const { publicJwk: jwk } = await generateKey();
  expect(await importPublicKey({ ...jwk, ext: true, key_ops: ["verify"] })).toMatchObject({ kid: jwk.kid });
});

test("a refused private key is not quoted", async () => {
  const { privateJwk } = await generateKey();
  const error = await importPrivateKey({ ...privateJwk, crv: "X25519" }).catch((caught: Error) => caught);
  expect(JSON.stringify([error, String(error), (error as Error).cause])).not.toContain(privateJwk.d);
});
