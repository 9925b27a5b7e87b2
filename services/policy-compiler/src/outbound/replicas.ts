import type { Bus } from "@aegis/bus/connect";
import { openBucket } from "@aegis/bus/kv";
import { stores } from "@aegis/contracts/subjects";
import type { Logger } from "@aegis/service/logger";
import { z } from "zod";
import type { LiveReplica } from "#domain/activation.ts";
import type { Replicas } from "#usecases/ports.ts";

/** An entry that was not renewed for so long is of a replica that is gone: the bucket drops it after this time too. */
const aliveForMs = 30_000;

const byTenant = <T extends z.ZodType>(value: T) => z.record(z.string(), value).default({});

/** A replica of an earlier version shows its revisions alone. */
const entry = z.object({
  replica: z.string(),
  tenants: z.record(z.string(), z.int()),
  prepared: byTenant(z.int()),
  since: byTenant(z.number()),
  refused: byTenant(z.string()),
});
type Entry = z.infer<typeof entry>;

/** The replicas of authz, followed in the bucket `authz-replicas`. */
export async function replicas(bus: Bus, logger: Logger): Promise<Replicas & AsyncDisposable> {
  const seen = new Map<string, { readonly shown: Entry; readonly at: number }>();
  const watchers = new Set<() => void>();
  const watch = (await openBucket(bus, stores.replicas)).watch({
    logger,
    onEntry(key, value) {
      const shown = value === undefined ? undefined : parse(value);
      if (shown === undefined) seen.delete(key);
      else seen.set(key, { shown, at: performance.now() });
      for (const look of watchers) look();
    },
  });
  const live = (tenant: string): LiveReplica[] => {
    const now = performance.now();
    for (const [key, { at }] of seen) if (now - at > aliveForMs) seen.delete(key);
    return [...seen].map(([replica, { shown }]) => standing(replica, tenant, shown));
  };
  return {
    live,
    async until(tenant, reached, ms, signal) {
      if (reached(live(tenant))) return true;
      return new Promise((resolve) => {
        const end = (outcome: boolean) => {
          clearTimeout(timer);
          watchers.delete(look);
          signal?.removeEventListener("abort", late);
          resolve(outcome);
        };
        const look = () => reached(live(tenant)) && end(true);
        const late = () => end(reached(live(tenant)));
        const timer = setTimeout(late, ms);
        watchers.add(look);
        signal?.addEventListener("abort", late, { once: true });
        if (signal?.aborted) late();
      });
    },
    [Symbol.asyncDispose]: () => watch[Symbol.asyncDispose](),
  };
}

function standing(replica: string, tenant: string, { tenants, prepared, since, refused }: Entry): LiveReplica {
  const at = own(since, tenant);
  const why = own(refused, tenant);
  return {
    replica,
    revision: own(tenants, tenant) ?? 0,
    prepared: own(prepared, tenant) ?? 0,
    ...(at === undefined ? {} : { since: at }),
    ...(why === undefined ? {} : { refused: why }),
  };
}

const own = <T>(of: Readonly<Record<string, T>>, tenant: string): T | undefined => (Object.hasOwn(of, tenant) ? of[tenant] : undefined);

function parse(value: Uint8Array): Entry | undefined {
  try {
    return entry.parse(JSON.parse(new TextDecoder().decode(value)));
  } catch {
    return undefined;
  }
}
