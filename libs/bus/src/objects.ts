import { createHash } from "node:crypto";
import { AegisError } from "@aegis/contracts/errors";
import { type ObjectInfo, type ObjectStore, Objm } from "@nats-io/obj";
import { Backoff } from "./backoff.ts";
import type { Bus } from "./connect.ts";
import { busError } from "./errors.ts";
import { ensureStreamNamed } from "./streams.ts";

const partBytes = 128 * 1024;

/** A store of whole objects. Calls end in time, and throw `unavailable` when NATS does not answer in it. */
export interface Objects {
  /** Stores the bytes under the name, over whatever was there. After `unavailable` they may or may not be stored. */
  put(name: string, bytes: Uint8Array): Promise<void>;
  /**
   * Undefined when there is no such object. What is there comes whole, checked against the store's own SHA-256: an object that is
   * put again meanwhile is read again, and one whose bytes are lost is `unavailable`.
   */
  get(name: string): Promise<Uint8Array | undefined>;
  /** What is there now, read once: `damaged` when its bytes are lost or not what the store says they are. */
  look(name: string): Promise<Uint8Array | "damaged" | undefined>;
}

export interface ObjectsOptions {
  /** For one call as a whole. Default 10 000. */
  readonly timeoutMs?: number;
}

/** An object store of ours by its name in contracts' `stores`. Resolves without a connection. */
export async function openObjects(bus: Bus, name: string, options: ObjectsOptions = {}): Promise<Objects> {
  const timeoutMs = options.timeoutMs ?? 10_000;
  let opened: Promise<ObjectStore> | undefined;
  const open = async (): Promise<ObjectStore> => {
    await ensureStreamNamed(bus, `OBJ_${name}`);
    return new Objm(bus.jetstream).open(name);
  };
  const call = <T>(use: (store: ObjectStore, signal: AbortSignal) => Promise<T>): Promise<T> =>
    within(timeoutMs, async (signal) => {
      if (!bus.connected()) throw new AegisError("unavailable", "NATS is not connected");
      const known = opened;
      try {
        opened ??= open();
        return await use(await opened, signal);
      } catch (error) {
        opened = undefined;
        // The store may be gone since it was opened: it is made again, and the call too, once.
        if (known === undefined || signal.aborted || !bus.connected()) throw error;
        opened = open();
        return use(await opened, signal);
      }
    });
  return {
    put: (object, bytes) =>
      call(async (store, signal) => {
        await store.put({ name: object }, parts(bytes, signal));
      }),
    get: (object) =>
      call(async (store, signal) => {
        const retry = new Backoff(20, 500);
        for (;;) {
          const info = await store.info(object);
          if (info === null || info.deleted) return undefined;
          const bytes = await read(bus, name, info, signal);
          if (bytes !== undefined) return bytes;
          await retry.wait(signal);
          signal.throwIfAborted();
        }
      }),
    look: (object) =>
      call(async (store, signal) => {
        const info = await store.info(object);
        if (info === null || info.deleted) return undefined;
        return (await read(bus, name, info, signal)) ?? "damaged";
      }),
  };
}

/**
 * The bytes that belong to this description, or undefined when some are no longer there. Each chunk is asked for by itself: a
 * consumer would wait without end for chunks that were purged, and would have to be cleaned up.
 */
async function read(bus: Bus, name: string, info: ObjectInfo, signal: AbortSignal): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  const chunkSubject = `$O.${name}.C.${info.nuid}`;
  for (let after = 0; chunks.length < info.chunks; ) {
    signal.throwIfAborted();
    const chunk = await bus.manager.direct.getMessage(`OBJ_${name}`, { seq: after + 1, next_by_subj: chunkSubject });
    if (chunk === null) return undefined;
    chunks.push(chunk.data);
    after = chunk.seq;
  }
  const bytes = new Uint8Array(Buffer.concat(chunks));
  const digest = createHash("sha256").update(bytes).digest("base64url");
  return info.digest.replace(/=+$/, "") === `SHA-256=${digest}` ? bytes : undefined;
}

/** In parts, so that an upload nobody waits for any more ends: the store then takes back what it has of it. */
function parts(bytes: Uint8Array, signal: AbortSignal): ReadableStream<Uint8Array> {
  let offset = 0;
  return new ReadableStream({
    pull(controller) {
      if (signal.aborted) return controller.error(signal.reason);
      if (offset >= bytes.length) return controller.close();
      controller.enqueue(bytes.subarray(offset, offset + partBytes));
      offset += partBytes;
    },
  });
}

/** Rejects `unavailable` after the time; the work is told by the signal, and whatever comes of it then is dropped. */
async function within<T>(ms: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(new AegisError("unavailable", "the object store did not answer in time")), ms);
  const expired = new Promise<never>((_, reject) => {
    late.signal.addEventListener("abort", () => reject(late.signal.reason), { once: true });
  });
  try {
    return await Promise.race([work(late.signal), expired]);
  } catch (caught) {
    const error = busError(caught);
    if (error.code !== "deadline_exceeded") throw error;
    throw new AegisError("unavailable", error.message, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}
