import { randomInt } from "node:crypto";
import { createServer } from "node:net";
import { AegisError } from "@aegis/contracts/errors";

/**
 * A TCP port on 127.0.0.1 that nobody listens on now; someone else may take it before the caller does. It comes from below the range
 * that the system hands to outgoing connections, so that a server killed and started again finds its port free.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const port = randomInt(20_000, 32_000);
    if (await isPortFree(port)) return port;
  }
  throw new AegisError("unavailable", "there is no free port between 20000 and 32000: stop something and try again");
}

/** Whether a TCP port on 127.0.0.1 can be listened on now. */
export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

/**
 * Makes sure that a port can be listened on; one that a server just stopped still holds is waited for.
 *
 * @throws AegisError `unavailable`, in one sentence that says who needs it.
 */
export async function requirePort(port: number, who: string): Promise<void> {
  for (const deadline = performance.now() + 2_000; !(await isPortFree(port)); await new Promise((resolve) => setTimeout(resolve, 50))) {
    if (performance.now() > deadline) throw new AegisError("unavailable", `port ${port} on 127.0.0.1 is taken; ${who} needs it`);
  }
}
