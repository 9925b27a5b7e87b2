import { systemClock } from "@aegis/service/clock";
import type { Clock } from "#usecases/ports.ts";

/** The machine's clock and timers. */
export const clock: Clock = {
  now: () => systemClock.now(),
  pause: (ms, signal) =>
    new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal.addEventListener("abort", done, { once: true });
    }),
};
