import { AegisError } from "@aegis/contracts/errors";
import { CompactEncrypt, compactDecrypt, decodeProtectedHeader } from "jose";

/** What a sealed text says of itself, authenticated with it. */
export interface SealLabel {
  /** Names the key. */
  readonly kid: string;
  /** What it belongs to: moved elsewhere it does not open. */
  readonly for: string;
}

/** Bytes as a compact JWE (RFC 7516) with `dir` and A256GCM. The secret is 32 bytes. */
export const sealBytes = (secret: Uint8Array, { kid, for: owner }: SealLabel, plain: Uint8Array): Promise<string> =>
  new CompactEncrypt(plain).setProtectedHeader({ alg: "dir", enc: "A256GCM", kid, for: owner }).encrypt(secret);

/** @throws AegisError `precondition_failed` when the secret or the label is another, or the text was changed. */
export async function openBytes(secret: Uint8Array, { kid, for: owner }: SealLabel, sealed: string): Promise<Uint8Array> {
  try {
    const header = decodeProtectedHeader(sealed);
    if (header.kid !== kid || header.for !== owner) throw new RangeError("sealed for something else");
    const opened = await compactDecrypt(sealed, secret, {
      keyManagementAlgorithms: ["dir"],
      contentEncryptionAlgorithms: ["A256GCM"],
    });
    return opened.plaintext;
  } catch (cause) {
    throw new AegisError("precondition_failed", `the key ${kid} does not open what is sealed for ${owner}`, { cause });
  }
}
