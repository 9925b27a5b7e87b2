import type { Bus } from "@aegis/bus/connect";
import { openBucket } from "@aegis/bus/kv";
import { stores } from "@aegis/contracts/subjects";
import type { Standing as Policies } from "#usecases/adopt-bundle.ts";

/** What a replica enforces. */
interface Standing extends Policies {
  /** The newest revision of the bucket of revocations. */
  readonly revocations: number;
}

/** Shows others which revisions this replica has in force, has prepared, and refused. One at a time, and of several the newest. */
export interface ReplicaBoard extends AsyncDisposable {
  show(standing: Standing): Promise<void>;
}

/** The replica's entry in the `authz-replicas` bucket; it ages out when it is not renewed. */
export async function replicaBoard(bus: Bus, options: { replica: string; epoch: string }): Promise<ReplicaBoard> {
  const bucket = await openBucket(bus, stores.replicas);
  let writing: Promise<void> | undefined;
  let next: Standing | undefined;
  const write = async () => {
    for (let one = next; one !== undefined; one = next) {
      next = undefined;
      if (bus.connected()) await bucket.put(options.replica, JSON.stringify({ ...options, ...one }));
    }
  };
  return {
    show(standing) {
      next = standing;
      writing ??= write().finally(() => {
        writing = undefined;
      });
      return writing;
    },
    /** A replica that is gone must not be waited for; should this fail, its entry ages out. */
    async [Symbol.asyncDispose]() {
      if (bus.connected()) await bucket.delete(options.replica).catch(() => undefined);
    },
  };
}
