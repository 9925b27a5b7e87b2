import { readFileSync } from "node:fs";
import { systemClock } from "@aegis/service/clock";

/**
 * Preloaded into a budget service: its use cases see the time that a file names, in milliseconds since 1970, as it goes on from when it was
 * written. Tokens and connections keep the real time.
 */
const file = process.env.MOVED_CLOCK_FILE ?? "";

Object.assign(systemClock, {
  now: () => {
    const [shown = 0, written = 0] = readFileSync(file, "utf8").split(" ").map(Number);
    return new Date(shown + Date.now() - written);
  },
});
