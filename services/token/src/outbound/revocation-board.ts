import type { Bus } from "@aegis/bus/connect";
import { openBucket } from "@aegis/bus/kv";
import { stores } from "@aegis/contracts/subjects";
import type { RevocationBoard } from "#usecases/stop-ports.ts";

/** The `revocations` bucket. A NATS server that comes back may have lost it: after every break it counts as behind. */
export async function revocationBoard(bus: Bus): Promise<RevocationBoard & Disposable> {
  const bucket = await openBucket(bus, stores.revocations);
  let missed = 1;
  let told = 0;
  const stopListening = bus.onStatus((connected) => {
    if (!connected) missed += 1;
  });
  return {
    async put(key, value) {
      const there = await bucket.get(key);
      return there !== undefined && Buffer.from(there.value).toString() === value ? there.revision : bucket.put(key, value);
    },
    remove: (key) => bucket.delete(key),
    missed() {
      missed += 1;
    },
    behind: () => (missed > told ? missed : 0),
    caughtUp(mark) {
      told = Math.max(told, mark);
    },
    [Symbol.dispose]: stopListening,
  };
}
