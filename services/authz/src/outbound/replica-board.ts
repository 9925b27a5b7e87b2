import type { Bus } from "@aegis/bus/connect";
import { openBucket } from "@aegis/bus/kv";
import { stores } from "@aegis/contracts/subjects";
import type { Standing } from "#usecases/adopt-bundle.ts";

/** Shows others which revisions this replica has in force, has prepared, and refused. */
export interface ReplicaBoard extends AsyncDisposable {
  show(standing: Standing): Promise<void>;
}

/** The replica's entry in the `authz-replicas` bucket; it ages out when it is not renewed. */
export async function replicaBoard(bus: Bus, options: { replica: string; epoch: string }): Promise<ReplicaBoard> {
  const bucket = await openBucket(bus, stores.replicas);
  return {
    async show(standing) {
      if (bus.connected()) await bucket.put(options.replica, JSON.stringify({ ...options, ...standing }));
    },
    /** A replica that is gone must not be waited for; should this fail, its entry ages out. */
    async [Symbol.asyncDispose]() {
      if (bus.connected()) await bucket.delete(options.replica).catch(() => undefined);
    },
  };
}
