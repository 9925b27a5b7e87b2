import { readFile } from "node:fs/promises";
import { AegisError } from "@aegis/contracts/errors";
import type { BundleSigner } from "@aegis/policy/bundle";
import type { JSONWebKeySet, JWK } from "jose";
import { z } from "zod";

const privateJwk = z.object({
  kty: z.literal("EC"),
  crv: z.literal("P-256"),
  x: z.string(),
  y: z.string(),
  d: z.string(),
  kid: z.string().min(1),
});

/** The key that signs bundles and heads. */
export interface SigningKey {
  readonly signer: BundleSigner;
  readonly publicKeys: JSONWebKeySet;
  /** Its public half, and those of earlier keys: what they signed may be signed again. */
  readonly knownKeys: JSONWebKeySet;
}

/**
 * Reads a private ES256 JWK with its `kid`, and the JWK set that holds earlier public keys.
 * @throws AegisError `invalid_argument`; never quotes the file.
 */
export async function readSigningKey(path: string, keySetPath: string | undefined): Promise<SigningKey> {
  const earlier = keySetPath === undefined ? [] : await readKeySet(keySetPath);
  try {
    const { d, ...shared } = privateJwk.parse(JSON.parse(await readFile(path, "utf8")));
    const own = { ...shared, alg: "ES256", use: "sig" };
    const knownKeys = { keys: [own, ...earlier.filter(({ kid }) => kid !== own.kid)] };
    return { signer: { key: { ...shared, d, alg: "ES256" } }, publicKeys: { keys: [own] }, knownKeys };
  } catch (error) {
    const why = error instanceof z.ZodError ? z.prettifyError(error) : (error as NodeJS.ErrnoException).code;
    throw new AegisError("invalid_argument", `${path} holds no private ES256 JWK with a kid${why === undefined ? "" : `: ${why}`}`);
  }
}

const publicJwk = privateJwk.omit({ d: true }).loose();

/** What is not there yet holds no earlier keys. */
async function readKeySet(path: string): Promise<JWK[]> {
  try {
    const { keys } = z.object({ keys: z.array(publicJwk) }).parse(JSON.parse(await readFile(path, "utf8")));
    return keys.map(({ kty, crv, x, y, kid }) => ({ kty, crv, x, y, kid, alg: "ES256" }));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw new AegisError("invalid_argument", `${path} holds no JWK set of public ES256 keys`, { cause: error });
  }
}
