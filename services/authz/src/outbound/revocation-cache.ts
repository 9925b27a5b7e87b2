import { readFile } from "node:fs/promises";
import { z } from "zod";
import type { RevocationCache } from "#usecases/ports.ts";
import { writeDurably } from "./durable-file.ts";

const file = z.object({
  asOf: z.number(),
  agents: z.array(z.tuple([z.string(), z.enum(["active", "suspended", "revoked"])])),
  tenants: z.array(z.string()).optional(),
  tokens: z.array(z.tuple([z.string(), z.number()])),
});

/** Keeps what is known of revocations in one file. */
export function revocationCache(path: string): RevocationCache {
  return {
    async load() {
      const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
        if (error.code !== "ENOENT") throw error;
        return undefined;
      });
      return text === undefined ? undefined : file.parse(JSON.parse(text));
    },
    save: (dump) => writeDurably(path, JSON.stringify(dump)),
  };
}
