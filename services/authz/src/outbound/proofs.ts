import type { Bus } from "@aegis/bus/connect";
import { openBucket } from "@aegis/bus/kv";
import { stores } from "@aegis/contracts/subjects";
import type { Proofs } from "#usecases/ports.ts";

/**
 * DPoP proofs that were used, in the bucket `proofs`, which every replica shares and which outlives them: the write of a key that has
 * a value is refused by the server, so of any number of uses one is first. Entries age out long after their proof has.
 */
export async function usedProofs(bus: Bus, origins: readonly string[]): Promise<Proofs> {
  const bucket = await openBucket(bus, stores.proofs);
  return {
    origins,
    async spend(id) {
      try {
        // Not `create`, which reads the key when it is taken, and reading is not for authz to do.
        await bucket.claim(id, "");
        return "fresh";
      } catch (error) {
        return (error as { code?: string }).code === "conflict" ? "used" : "unknown";
      }
    },
  };
}
