import { readFile } from "node:fs/promises";
import { AegisError } from "@aegis/contracts/errors";
import type { BundleSigner } from "@aegis/policy/bundle";
import type { JSONWebKeySet } from "jose";
import { z } from "zod";

const privateJwk = z.object({
  kty: z.literal("EC"),
  crv: z.literal("P-256"),
  x: z.string(),
  y: z.string(),
  d: z.string(),
  kid: z.string().min(1),
});

/** The key that signs bundles and heads, and its public half. */
export interface SigningKey {
  readonly signer: BundleSigner;
  readonly publicKeys: JSONWebKeySet;
}

/** Reads a private ES256 JWK with its `kid`. @throws AegisError `invalid_argument`; never quotes the file. */
export async function readSigningKey(path: string): Promise<SigningKey> {
  try {
    const { d, ...shared } = privateJwk.parse(JSON.parse(await readFile(path, "utf8")));
    return { signer: { key: { ...shared, d, alg: "ES256" } }, publicKeys: { keys: [{ ...shared, alg: "ES256", use: "sig" }] } };
  } catch (error) {
    const why = error instanceof z.ZodError ? z.prettifyError(error) : (error as NodeJS.ErrnoException).code;
    throw new AegisError("invalid_argument", `${path} holds no private ES256 JWK with a kid${why === undefined ? "" : `: ${why}`}`);
  }
}
