import { createHmac, randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { AegisError } from "@aegis/contracts/errors";
import type { HashKeyOf } from "#usecases/ports.ts";
import { writeDurably } from "./durable-file.ts";

/** A key per tenant, derived from one secret: given, or made once and kept in `file`. */
export async function pseudonymKeys(options: { secret: string | undefined; file: string }): Promise<HashKeyOf> {
  const secret = Buffer.from(options.secret ?? (await kept(options.file)), "base64url");
  if (secret.length < 32) throw new AegisError("invalid_argument", "the pseudonym key is shorter than 32 bytes");
  const keys = new Map<string, Uint8Array>();
  return (tenant) => {
    let key = keys.get(tenant);
    if (!key) {
      key = createHmac("sha256", secret).update(`pseudonyms of ${tenant}`).digest();
      keys.set(tenant, key);
    }
    return key;
  };
}

async function kept(file: string): Promise<string> {
  const found = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
    return undefined;
  });
  if (found !== undefined) return found;
  const made = randomBytes(32).toString("base64url");
  await writeDurably(file, made);
  return made;
}
