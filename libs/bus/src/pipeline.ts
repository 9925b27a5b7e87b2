import { AegisError } from "@aegis/contracts/errors";
import { type ApiError, JetStreamApiError } from "@nats-io/jetstream";
import { createInbox, headers, type Msg, type Subscription } from "@nats-io/nats-core";
import type { Bus } from "./connect.ts";
import { busError } from "./errors.ts";
import { streamOf } from "./publish.ts";

interface Waiting {
  readonly sentAt: number;
  readonly resolve: (stored: Stored) => void;
  readonly reject: (error: AegisError) => void;
}

interface Stored {
  readonly duplicate: boolean;
  readonly sequence: number;
}

/** Publishes many events at a time. */
export interface Pipeline extends Disposable {
  /** As `publishEvent`, with the same errors; what waits when the connection is lost fails at once with `unavailable`. */
  publish(subject: string, id: string, bytes: Uint8Array): Promise<Stored>;
}

const defaultTimeoutMs = 5_000;

/**
 * Publishes to JetStream with one subscription for all answers and one timer for all deadlines. A request of its own for each event
 * would cost several errors with stack traces, a timer and an inbox token, which together are dearer than the event.
 */
export function openPipeline(bus: Bus, options: { readonly timeoutMs?: number } = {}): Pipeline {
  const timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
  const inbox = createInbox(bus.inboxPrefix);
  // All live equally long, so the first is always the next to be late.
  const waiting = new Map<string, Waiting>();
  let answers: Subscription | undefined;
  let timer: NodeJS.Timeout | undefined;
  let sent = 0;

  const take = (key: string): Waiting | undefined => {
    const one = waiting.get(key);
    waiting.delete(key);
    return one;
  };
  const answered = (message: Msg): void => {
    const one = take(message.subject.slice(inbox.length + 1));
    if (one === undefined) return;
    try {
      one.resolve(storedOf(message));
    } catch (error) {
      one.reject(busError(error));
    }
  };
  const expire = (): void => {
    timer = undefined;
    const late = performance.now() - timeoutMs;
    for (const [key, { sentAt }] of waiting) {
      if (sentAt > late) {
        timer = setTimeout(expire, sentAt - late + 1);
        return;
      }
      take(key)?.reject(new AegisError("deadline_exceeded", "NATS did not answer in time"));
    }
  };
  const failAll = (why: string): void => {
    for (const key of [...waiting.keys()]) take(key)?.reject(new AegisError("unavailable", why));
  };
  const unfollow = bus.onStatus((connected) => connected || failAll("NATS was disconnected"));

  return {
    publish(subject, id, bytes) {
      const { promise, resolve, reject } = Promise.withResolvers<Stored>();
      try {
        const about = headers();
        about.set("Nats-Expected-Stream", streamOf(subject));
        about.set("Nats-Msg-Id", id);
        if (!bus.connected()) throw new AegisError("unavailable", "NATS is not connected");
        answers ??= bus.connection.subscribe(`${inbox}.*`, {
          callback: (error, message) => {
            if (!error) answered(message);
          },
        });
        const key = (++sent).toString(36);
        bus.connection.publish(subject, bytes, { reply: `${inbox}.${key}`, headers: about });
        waiting.set(key, { sentAt: performance.now(), resolve, reject });
        timer ??= setTimeout(expire, timeoutMs);
      } catch (error) {
        reject(busError(error));
      }
      return promise;
    },
    [Symbol.dispose]() {
      unfollow();
      clearTimeout(timer);
      failAll("the pipeline was closed");
      if (bus.connected()) answers?.unsubscribe();
    },
  };
}

/** Reads JetStream's answer. @throws JetStreamApiError, AegisError. */
function storedOf(message: Msg): Stored {
  if (message.data.length === 0) throw new AegisError("unavailable", "JetStream is not ready");
  const answer = message.json<{ stream?: string; seq?: number; duplicate?: boolean; error?: ApiError }>();
  if (answer.error !== undefined) throw new JetStreamApiError(answer.error);
  if (!answer.stream || answer.seq === undefined) throw new AegisError("internal", "JetStream's answer cannot be understood");
  return { duplicate: answer.duplicate ?? false, sequence: answer.seq };
}
