import type { Bus } from "@aegis/bus/connect";
import { hints } from "@aegis/contracts/subjects";
import type { AuthnFailures } from "#usecases/ports.ts";

/** At most this many a second: whoever floods us with bad tokens must not flood others through us. */
const mostPerSecond = 50;

/** Says on core NATS that a token did not verify. */
export function authnFailures(bus: Bus, options: { source: string; now: () => Date }): AuthnFailures {
  let second = 0;
  let said = 0;
  return {
    report(why) {
      const now = options.now();
      const current = Math.floor(now.getTime() / 1000);
      if (current !== second) {
        second = current;
        said = 0;
      }
      if (!bus.connected() || ++said > mostPerSecond) return;
      bus.connection.publish(hints.authnFailed, JSON.stringify({ source: options.source, time: now.toISOString(), reason: why }));
    },
  };
}
