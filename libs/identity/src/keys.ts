import { AegisError } from "@aegis/contracts/errors";
import { type CryptoKey, calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK } from "jose";
import { z } from "zod";

/** The signature algorithms of this product: Ed25519 (RFC 8037) and ECDSA on P-256. */
export const keyAlgorithms = ["EdDSA", "ES256"] as const;
export type KeyAlgorithm = (typeof keyAlgorithms)[number];

const coordinate = z.string().regex(/^[A-Za-z0-9_-]{43}$/);
const common = { kid: z.string().min(1).max(128).optional(), use: z.literal("sig").optional(), exp: z.int().min(0).optional() };
const okp = { ...common, kty: z.literal("OKP"), crv: z.literal("Ed25519"), x: coordinate, alg: z.enum(["EdDSA", "Ed25519"]).optional() };
const ec = { ...common, kty: z.literal("EC"), crv: z.literal("P-256"), x: coordinate, y: coordinate, alg: z.literal("ES256").optional() };

/** A public key (RFC 7517). A private or symmetric member, or another use, makes it unusable; unknown members are dropped. */
export const publicJwk = z
  .looseObject({})
  .refine((jwk) => !["d", "k", "p", "q", "dp", "dq", "qi", "oth"].some((member) => member in jwk), "holds private key material")
  // RFC 7517 §4.3: a key that is for something else verifies nothing.
  .refine(({ key_ops: operations = ["verify"] }) => Array.isArray(operations) && operations.includes("verify"), "is not for verifying")
  .pipe(z.discriminatedUnion("kty", [z.object(okp), z.object(ec)]));

/** A private key of one of the two kinds. */
export const privateJwk = z.discriminatedUnion("kty", [z.object({ ...okp, d: coordinate }), z.object({ ...ec, d: coordinate })]);

export type PublicJwk = z.infer<typeof publicJwk>;
export type PrivateJwk = z.infer<typeof privateJwk>;

/** A key ready for use, with the one algorithm it may be used with. */
export interface NamedKey {
  readonly kid: string;
  readonly alg: KeyAlgorithm;
  readonly key: CryptoKey;
  /** Milliseconds since the epoch: nothing that it signed is good from then on. Absent: until the set says otherwise. */
  readonly until?: number | undefined;
}

export interface GeneratedKey {
  readonly privateJwk: PrivateJwk & { readonly kid: string };
  readonly publicJwk: PublicJwk & { readonly kid: string };
}

/** A new key pair whose `kid` is its thumbprint. */
export async function generateKey(alg: KeyAlgorithm = "EdDSA"): Promise<GeneratedKey> {
  const pair = await generateKeyPair(alg, { extractable: true });
  const exported = privateJwk.parse(await exportJWK(pair.privateKey));
  const named = { ...exported, kid: await thumbprint(exported), alg, use: "sig" } as PrivateJwk & { kid: string };
  return { privateJwk: named, publicJwk: publicJwkOf(named) };
}

/** RFC 7638 JWK thumbprint: base64url of SHA-256. */
export const thumbprint = (jwk: PublicJwk | PrivateJwk): Promise<string> => calculateJwkThumbprint(jwk as JWK);

/** The algorithm that a key of this type is used with, whatever a token's header says. */
export const algorithmOf = (jwk: PublicJwk | PrivateJwk): KeyAlgorithm => (jwk.kty === "OKP" ? "EdDSA" : "ES256");

/** The names in a header under which a client may sign with such a key: Ed25519 has two (RFC 8037 and RFC 9864). */
export const headerAlgorithmsOf = (jwk: PublicJwk): string[] => (jwk.kty === "OKP" ? ["EdDSA", "Ed25519"] : ["ES256"]);

/** All of these names. */
export const headerAlgorithms = ["EdDSA", "Ed25519", "ES256"];

/** The public half; keeps `kid` and `use`. */
export function publicJwkOf<T extends PrivateJwk>(jwk: T): PublicJwk & Pick<T, "kid"> {
  const { d: _, ...rest } = jwk;
  return publicJwk.parse(rest) as PublicJwk & Pick<T, "kid">;
}

/** @throws AegisError `invalid_argument` when the text or object is not a private key of ours. */
export async function importPrivateKey(jwk: unknown): Promise<NamedKey> {
  return importKey(privateJwk, jwk, "private");
}

/** @throws AegisError `invalid_argument` when the object is not a public key of ours. */
export async function importPublicKey(jwk: unknown): Promise<NamedKey> {
  return importKey(publicJwk, jwk, "public");
}

/** `exp` of a JWK (OpenID Federation 1.0 §8.7.2): a verifier that hears no more of its issuer stops at the same moment as all others. */
const untilOf = ({ exp }: { readonly exp?: number | undefined }) => (exp === undefined ? {} : { until: exp * 1000 });

async function importKey(schema: typeof publicJwk | typeof privateJwk, jwk: unknown, kind: string): Promise<NamedKey> {
  try {
    const parsed = schema.parse(jwk);
    const alg = algorithmOf(parsed);
    return {
      kid: parsed.kid ?? (await thumbprint(parsed)),
      alg,
      key: (await importJWK(parsed as JWK, alg)) as CryptoKey,
      ...untilOf(parsed),
    };
  } catch {
    // The cause is left out: it may quote key material.
    throw new AegisError("invalid_argument", `not a usable ${kind} JWK (Ed25519 or P-256)`);
  }
}
