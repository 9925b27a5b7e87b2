import { AegisError } from "@aegis/contracts/errors";
import { type ObjectStore, Objm } from "@nats-io/obj";
import type { Bus } from "./connect.ts";
import { busError } from "./errors.ts";
import { ensureStreamNamed } from "./streams.ts";

/** A store of whole objects. Calls throw `unavailable` or `deadline_exceeded` when NATS does not answer. */
export interface Objects {
  /** Stores the bytes under the name, over whatever was there. */
  put(name: string, bytes: Uint8Array): Promise<void>;
  /** Undefined when there is no such object. The transfer is checked against the store's own SHA-256. */
  get(name: string): Promise<Uint8Array | undefined>;
}

/** An object store of ours by its name in contracts' `stores`. Resolves without a connection. */
export async function openObjects(bus: Bus, name: string): Promise<Objects> {
  const call = async <T>(use: (store: ObjectStore) => Promise<T>): Promise<T> => {
    if (!bus.connected()) throw new AegisError("unavailable", "NATS is not connected");
    try {
      await ensureStreamNamed(bus, `OBJ_${name}`);
      return await use(await new Objm(bus.jetstream).open(name));
    } catch (error) {
      throw busError(error);
    }
  };
  return {
    put: (object, bytes) =>
      call(async (store) => {
        await store.putBlob({ name: object }, bytes);
      }),
    get: (object) =>
      call(async (store) => {
        const blob = await store.getBlob(object);
        return blob === null ? undefined : new Uint8Array(blob);
      }),
  };
}
