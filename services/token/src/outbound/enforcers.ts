import type { Bus } from "@aegis/bus/connect";
import { openBucket } from "@aegis/bus/kv";
import { stores } from "@aegis/contracts/subjects";
import type { Logger } from "@aegis/service/logger";
import { z } from "zod";
import type { Enforcers, ReplicaStop } from "#usecases/stop-ports.ts";

/** An entry that was not renewed for so long is of a replica that is gone. */
const aliveForMs = 30_000;

const entry = z.object({ revocations: z.int().default(0) });

interface Seen {
  /** The newest revision of the bucket of revocations that the replica enforces. */
  readonly revision: number;
  readonly at: number;
}

/** The replicas of authz: in the bucket `authz-replicas`, and as they come for snapshots while NATS is away. */
export async function enforcers(bus: Bus, logger: Logger): Promise<Enforcers & AsyncDisposable> {
  const shown = new Map<string, Seen>();
  const fetched = new Map<string, { readonly asOf: number; readonly at: number }>();
  const watchers = new Set<() => void>();
  const look = () => {
    for (const watcher of watchers) watcher();
  };
  const watch = (await openBucket(bus, stores.replicas)).watch({
    logger,
    onEntry(replica, value) {
      if (value === undefined) shown.delete(replica);
      else shown.set(replica, { revision: revisionOf(value), at: performance.now() });
      look();
    },
  });
  const live = (): string[] => {
    const now = performance.now();
    // While NATS is away nobody can renew: whoever was there last still counts.
    if (bus.connected()) for (const [replica, { at }] of shown) if (now - at > aliveForMs) shown.delete(replica);
    return [...shown.keys()].sort();
  };
  return {
    fetched(replica, snapshot) {
      fetched.set(replica, snapshot);
      look();
    },
    stopped: ({ revision, since, begun, journaled }, ms) =>
      new Promise((resolve) => {
        const known = new Map<string, ReplicaStop>();
        const confirm = (replica: string, how: "push" | "poll") => {
          if (!known.has(replica)) known.set(replica, { replica, how, ms: performance.now() - begun });
        };
        const end = () => {
          clearTimeout(timer);
          watchers.delete(check);
          resolve(live().map((replica) => known.get(replica) ?? { replica }));
        };
        const check = () => {
          for (const replica of live()) {
            if (revision !== undefined && (shown.get(replica)?.revision ?? 0) >= revision) confirm(replica, "push");
            else if ((fetched.get(replica)?.[journaled ? "at" : "asOf"] ?? 0) >= since) confirm(replica, "poll");
          }
          if (live().every((replica) => known.has(replica))) end();
        };
        const timer = setTimeout(end, ms);
        watchers.add(check);
        check();
      }),
    [Symbol.asyncDispose]: () => watch[Symbol.asyncDispose](),
  };
}

function revisionOf(value: Uint8Array): number {
  try {
    return entry.parse(JSON.parse(new TextDecoder().decode(value))).revocations;
  } catch {
    return 0;
  }
}
