import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { AegisError } from "@aegis/contracts/errors";

const nonceBytes = 12;
const tagBytes = 16;

/** AES-256-GCM; `name` is authenticated with it, so that one sealed key cannot be passed off as another. Layout: nonce, ciphertext, tag. */
export function seal(sealingKey: Uint8Array, name: string, plain: string): Buffer {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv("aes-256-gcm", sealingKey, nonce).setAAD(Buffer.from(name));
  return Buffer.concat([nonce, cipher.update(plain, "utf8"), cipher.final(), cipher.getAuthTag()]);
}

/** @throws AegisError `precondition_failed` when the sealing key or the name is another, or the bytes were changed. */
export function unseal(sealingKey: Uint8Array, name: string, sealed: Uint8Array): string {
  try {
    const decipher = createDecipheriv("aes-256-gcm", sealingKey, sealed.subarray(0, nonceBytes), { authTagLength: tagBytes });
    decipher.setAAD(Buffer.from(name)).setAuthTag(sealed.subarray(-tagBytes));
    return Buffer.concat([decipher.update(sealed.subarray(nonceBytes, -tagBytes)), decipher.final()]).toString("utf8");
  } catch {
    throw new AegisError("precondition_failed", `the sealing key does not open signing key ${name}`);
  }
}
