import { openCheckpoint, tenantKey } from "@aegis/tlog/checkpoint";
import type { Ports, StoredCheckpoint } from "./ports.ts";

/** Copies of checkpoints out of the database's reach. Only a tenant's latest can lack its copy: no other is made before it has one. */
export function copies({ archive, checkpoints, key }: Pick<Ports, "archive" | "checkpoints" | "key">) {
  const keep = async (tenant: string, checkpoint: StoredCheckpoint): Promise<void> => {
    if (await archive.has(tenant, checkpoint.size)) return;
    const opened = openCheckpoint(checkpoint.note, tenantKey(key, tenant));
    // A row that was tampered with stays where it is seen as such.
    if (opened.ok && opened.checkpoint.size === checkpoint.size) await archive.keep(tenant, checkpoint);
  };
  return {
    keep,
    /** Makes what a crash or a full disk kept from being made. */
    async complete(): Promise<void> {
      for (const tenant of await checkpoints.tenants()) {
        const last = await checkpoints.latest(tenant);
        if (last !== undefined) await keep(tenant, last);
      }
    },
  };
}
