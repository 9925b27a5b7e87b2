import type { Logger } from "@aegis/service/logger";
import { DeliverPolicy, type JsMsg, type PushConsumer } from "@nats-io/jetstream";
import { Backoff } from "./backoff.ts";
import { type Bus, untilConnected } from "./connect.ts";
import { ensureStreamNamed } from "./streams.ts";

/** `value` is undefined for a key that was deleted. */
export type OnEntry = (key: string, value: Uint8Array | undefined, revision: number) => void;

/**
 * Follows a bucket for ever, and reads all of it again after every reconnect: a watcher that only resumed would miss what
 * changed while the server's memory of it was gone. A key that has merely vanished (its bucket was lost, or it aged out)
 * is never reported as deleted: nothing may be un-revoked because a server lost its disk.
 */
export function watchBucket(bus: Bus, name: string, options: { onEntry: OnEntry; onReady?: () => void; logger: Logger }): AsyncDisposable {
  const stopping = new AbortController();
  const done = run(bus, name, options, stopping.signal);
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await done;
    },
  };
}

async function run(bus: Bus, name: string, options: Parameters<typeof watchBucket>[2], signal: AbortSignal): Promise<void> {
  const retry = new Backoff();
  while (!signal.aborted) {
    try {
      await untilConnected(bus, signal);
      if (signal.aborted) return;
      await ensureStreamNamed(bus, `KV_${name}`);
      await readUntilDisconnect(bus, name, options, signal, () => retry.reset());
    } catch (error) {
      if (signal.aborted) return;
      options.logger.warn({ err: error, bucket: name }, "watching the bucket was interrupted; going on");
    }
    await retry.wait(signal);
  }
}

async function readUntilDisconnect(
  bus: Bus,
  name: string,
  options: Parameters<typeof watchBucket>[2],
  signal: AbortSignal,
  onReady: () => void,
): Promise<void> {
  const prefix = `$KV.${name}.`;
  const consumer: PushConsumer = await bus.jetstream.consumers.getPushConsumer(`KV_${name}`, {
    filter_subjects: `${prefix}>`,
    deliver_policy: DeliverPolicy.LastPerSubject,
  });
  let ready = false;
  const becomeReady = () => {
    if (ready) return;
    ready = true;
    onReady();
    options.onReady?.();
  };
  const messages = await consumer.consume({
    callback: (message) => {
      options.onEntry(message.subject.slice(prefix.length), liveValue(message), message.seq);
      if (message.info.pending === 0) becomeReady();
    },
  });
  if ((await consumer.info(true)).num_pending === 0) becomeReady();
  const unsubscribe = bus.onStatus((up) => {
    if (!up) messages.stop();
  });
  const stop = () => messages.stop();
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  const failure = await messages.closed();
  signal.removeEventListener("abort", stop);
  unsubscribe();
  if (failure instanceof Error) throw failure;
}

function liveValue(message: JsMsg): Uint8Array | undefined {
  const operation = message.headers?.get("KV-Operation");
  return operation === "DEL" || operation === "PURGE" ? undefined : message.data;
}
