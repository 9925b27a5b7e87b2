import type { Bus } from "@aegis/bus/connect";
import { hints } from "@aegis/contracts/subjects";
import type { Announcer } from "#usecases/ports.ts";

/** Tells watermarks on core NATS. While NATS is away nothing is kept: the next second says it again. */
export function announcer(bus: Bus): Announcer {
  return {
    watermark(watermark) {
      // A name that is no subject token can only come from a forged event; nobody listens there.
      if (!bus.connected() || !/^[A-Za-z0-9_-]+$/.test(watermark.producer)) return;
      bus.connection.publish(hints.watermark(watermark.producer), JSON.stringify(watermark));
    },
  };
}
