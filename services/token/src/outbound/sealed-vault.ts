import { generateKey, importPrivateKey, type KeyAlgorithm, privateJwk, publicJwkOf } from "@aegis/identity/keys";
import type { KeyVault } from "#usecases/key-ports.ts";
import { seal, unseal } from "./seal.ts";

/** Keys made in this process and kept in the database, sealed under a key that is not there. */
export function sealedVault(sealingKey: Uint8Array, algorithm: KeyAlgorithm): KeyVault {
  return {
    async create() {
      const { privateJwk: jwk, publicJwk } = await generateKey(algorithm);
      return { kid: publicJwk.kid, kept: seal(sealingKey, publicJwk.kid, JSON.stringify(jwk)) };
    },
    async open(kid, kept) {
      const jwk = privateJwk.parse(JSON.parse(unseal(sealingKey, kid, kept)));
      const { key } = await importPrivateKey(jwk);
      const digest = { name: "ECDSA", hash: "SHA-256" };
      const how = jwk.kty === "OKP" ? "Ed25519" : digest;
      return {
        publicJwk: { ...publicJwkOf(jwk), kid },
        sign: async (input) => new Uint8Array(await crypto.subtle.sign(how, key, input as Uint8Array<ArrayBuffer>)),
      };
    },
  };
}
