import { createHash, randomBytes } from "node:crypto";
import type { Tokens } from "#usecases/ports.ts";

/** One-time tokens: 256 random bits, so a plain SHA-256 of them can be neither guessed nor reversed. */
export const tokens: Tokens = {
  mint: () => randomBytes(32).toString("base64url"),
  hash: (token) => createHash("sha256").update(token).digest(),
};
