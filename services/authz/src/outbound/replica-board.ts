import type { Bus } from "@aegis/bus/connect";
import { openBucket } from "@aegis/bus/kv";
import { stores } from "@aegis/contracts/subjects";

/** Shows others which revisions this replica has in force. */
export interface ReplicaBoard extends AsyncDisposable {
  show(revisions: Readonly<Record<string, number>>): Promise<void>;
}

/** The replica's entry in the `authz-replicas` bucket; it ages out when it is not renewed. */
export async function replicaBoard(bus: Bus, options: { replica: string; epoch: string }): Promise<ReplicaBoard> {
  const bucket = await openBucket(bus, stores.replicas);
  return {
    async show(tenants) {
      if (bus.connected()) await bucket.put(options.replica, JSON.stringify({ ...options, tenants }));
    },
    /** A replica that is gone must not be waited for; should this fail, its entry ages out. */
    async [Symbol.asyncDispose]() {
      if (bus.connected()) await bucket.delete(options.replica).catch(() => undefined);
    },
  };
}
