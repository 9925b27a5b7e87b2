import { AegisError } from "@aegis/contracts/errors";
import type { Bus } from "./connect.ts";

const answerMs = 2_000;

/**
 * Tells when the server has read everything that was sent before: one round trip for all who ask in the same turn of the loop. A request
 * of its own for each message would cost two errors with stack traces, a timer and an inbox token.
 */
export class Arrival {
  readonly #bus: Bus;
  #next: Promise<void> | undefined;

  constructor(bus: Bus) {
    this.#bus = bus;
  }

  /** Resolves once what this connection sent so far is with the server. @throws AegisError `unavailable` when nobody can tell. */
  confirmed(): Promise<void> {
    this.#next ??= this.#ask();
    return this.#next;
  }

  async #ask(): Promise<void> {
    await new Promise(setImmediate);
    this.#next = undefined;
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => late.reject(new Error(`no answer within ${answerMs} ms`)), answerMs);
    try {
      if (!this.#bus.connected()) throw new Error("NATS is not connected");
      await Promise.race([this.#bus.connection.flush(), late.promise]);
    } catch (cause) {
      throw new AegisError("unavailable", "the acknowledgement was not confirmed", { cause });
    } finally {
      clearTimeout(timer);
    }
  }
}
