import { AegisError } from "@aegis/contracts/errors";
import type { Logger } from "@aegis/service/logger";
import { type KV, Kvm } from "@nats-io/kv";
import type { Bus } from "./connect.ts";
import { busError } from "./errors.ts";
import { ensureStreamNamed } from "./streams.ts";
import { type OnEntry, watchBucket } from "./watch.ts";

export interface BucketEntry {
  readonly value: Uint8Array;
  /** What `update` must name. */
  readonly revision: number;
}

export interface WatchOptions {
  /** Called for every key that has a value or a delete marker, then for every change. Called again for all after each reconnect. */
  readonly onEntry: OnEntry;
  /** Called each time the bucket has been read as a whole: at first, and after each reconnect. */
  readonly onReady?: () => void;
  readonly logger: Logger;
}

/** A key-value bucket. Calls throw `unavailable` or `deadline_exceeded` when NATS does not answer. */
export interface Bucket {
  /** Undefined when the key has no value. */
  get(key: string): Promise<BucketEntry | undefined>;
  /** Writes whatever was there; resolves to the new revision. */
  put(key: string, value: Uint8Array | string): Promise<number>;
  /** Throws `conflict` when the key has a value. */
  create(key: string, value: Uint8Array | string): Promise<number>;
  /** The same for a key of which nothing is stored, not even a delete marker, and for whoever may write the bucket but not read from it. */
  claim(key: string, value: Uint8Array | string): Promise<number>;
  /** Throws `conflict` when the key's revision is another. */
  update(key: string, value: Uint8Array | string, revision: number): Promise<number>;
  delete(key: string): Promise<void>;
  /** Starts at once and goes on for ever; NATS may be down now or later. */
  watch(options: WatchOptions): AsyncDisposable;
}

/** A bucket of ours by its name in contracts' `stores`. Resolves without a connection; the bucket is made on first use if it is missing. */
export async function openBucket(bus: Bus, name: string): Promise<Bucket> {
  let opened: Promise<KV> | undefined;
  const call = async <T>(use: (kv: KV) => Promise<T>): Promise<T> => {
    if (!bus.connected()) throw new AegisError("unavailable", "NATS is not connected");
    try {
      opened ??= open(bus, name);
      return await use(await opened);
    } catch (caught) {
      const error = busError(caught);
      // The bucket may be gone: look again next time.
      if (error.code !== "conflict") opened = undefined;
      throw error;
    }
  };
  return {
    get: (key) =>
      call(async (kv) => {
        const entry = await kv.get(key);
        return entry === null || entry.operation !== "PUT" ? undefined : { value: entry.value, revision: entry.revision };
      }),
    put: (key, value) => call((kv) => kv.put(key, value)),
    create: (key, value) => call((kv) => kv.create(key, value)),
    claim: (key, value) => call((kv) => kv.put(key, value, { previousSeq: 0 })),
    update: (key, value, revision) => call((kv) => kv.update(key, value, revision)),
    delete: (key) => call((kv) => kv.delete(key)),
    watch: (options) => watchBucket(bus, name, options),
  };
}

async function open(bus: Bus, name: string): Promise<KV> {
  await ensureStreamNamed(bus, `KV_${name}`);
  return new Kvm(bus.jetstream).open(name, { allow_direct: true });
}
