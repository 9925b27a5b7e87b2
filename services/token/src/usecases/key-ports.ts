import type { PublicJwk } from "@aegis/identity/keys";

/** The keys of this authorization server. */
export interface Keys {
  /** Signs claims as a JWT of that type with the key in force. */
  sign(claims: object, type: string): Promise<string>;
  /** What verifiers are told: JWKs with `kid`, `alg`, `use`. */
  published(): readonly PublicJwk[];
  /** Adds a key that signs once every verifier can know it, and lets the present one lapse; its kid, or undefined while one is being rotated in, or the newest has not signed for `olderThanMs` yet. */
  rotate(olderThanMs?: number): Promise<{ readonly kid: string; readonly signsFrom: number } | undefined>;
}

/** A key that can sign, wherever its private half is. */
export interface SigningKey {
  /** With `kid` and `alg`. */
  readonly publicJwk: PublicJwk & { readonly kid: string };
  /** A JWS signature (RFC 7518 §3.4, RFC 8037 §3.1) over these bytes. @throws AegisError `unavailable`. */
  sign(input: Uint8Array): Promise<Uint8Array>;
}

/**
 * Where private keys live. This process's own vault seals them into the database; a KMS would keep them to itself, and `kept` would
 * be the name that it knows one by.
 */
export interface KeyVault {
  /** A new key, and what is kept of it in the database. */
  create(): Promise<{ readonly kid: string; readonly kept: Buffer }>;
  /** @throws AegisError `precondition_failed` for what this vault has not made; `unavailable`. */
  open(kid: string, kept: Uint8Array): Promise<SigningKey>;
}
