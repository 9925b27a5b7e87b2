import type { Bus } from "@aegis/bus/connect";
import { ensureStreams } from "@aegis/bus/streams";
import type { Logger } from "@aegis/service/logger";

const everyMs = 15_000;

/** Sees to it that the streams exist whenever NATS can be reached: a server that lost its disk must not stop the publisher for good. */
export function keepStreams(bus: Bus, logger: Logger): Disposable {
  const ensure = () => {
    if (bus.connected()) ensureStreams(bus).catch((error: unknown) => logger.warn({ err: error }, "streams cannot be made yet"));
  };
  const unsubscribe = bus.onStatus(ensure);
  const timer = setInterval(ensure, everyMs);
  return {
    [Symbol.dispose]() {
      unsubscribe();
      clearInterval(timer);
    },
  };
}
