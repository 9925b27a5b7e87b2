import type { Bus } from "@aegis/bus/connect";
import { openBucket } from "@aegis/bus/kv";
import { stores } from "@aegis/contracts/subjects";
import type { Logger } from "@aegis/service/logger";
import { z } from "zod";
import type { Replicas } from "#usecases/ports.ts";

/** An entry that was not renewed for so long is of a replica that is gone: the bucket drops it after this time too. */
const aliveForMs = 30_000;

const entry = z.object({ replica: z.string(), tenants: z.record(z.string(), z.int()) });

/** The replicas of authz, followed in the bucket `authz-replicas`. */
export async function replicas(bus: Bus, logger: Logger): Promise<Replicas & AsyncDisposable> {
  const seen = new Map<string, { readonly tenants: Readonly<Record<string, number>>; readonly at: number }>();
  const watch = (await openBucket(bus, stores.replicas)).watch({
    logger,
    onEntry(key, value) {
      const parsed = value === undefined ? undefined : parse(value);
      if (parsed === undefined) seen.delete(key);
      else seen.set(key, { tenants: parsed.tenants, at: performance.now() });
    },
  });
  return {
    live(tenant) {
      const now = performance.now();
      for (const [key, { at }] of seen) if (now - at > aliveForMs) seen.delete(key);
      return [...seen].map(([replica, { tenants }]) => ({
        replica,
        revision: Object.hasOwn(tenants, tenant) ? (tenants[tenant] ?? 0) : 0,
      }));
    },
    [Symbol.asyncDispose]: () => watch[Symbol.asyncDispose](),
  };
}

function parse(value: Uint8Array): z.infer<typeof entry> | undefined {
  try {
    return entry.parse(JSON.parse(new TextDecoder().decode(value)));
  } catch {
    return undefined;
  }
}
