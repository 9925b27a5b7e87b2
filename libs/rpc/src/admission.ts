import { performance } from "node:perf_hooks";
import { Metadata, type StatusObject, status } from "@grpc/grpc-js";
import { Backlog } from "./backlog.ts";

/** How much one server takes on. */
export interface Bounds {
  /** Calls that are being answered at the same time. */
  readonly inFlight: number;
  /** Calls taken on in one turn of the event loop while the loop is behind: what arrived together waits for each other. */
  readonly perTurn: number;
  /** A call was refused because of either. */
  readonly onRefused: () => void;
}

const defaults: Bounds = { inFlight: 1_024, perTurn: 256, onRefused: () => undefined };

/** When to come back: a queue of this server is gone by then. */
const retryAfterMs = 250;

/**
 * Lets in as many calls as can be answered in time; the others are told at once to come back, which costs a third of an answer. Nothing
 * waits in a queue of this server's: what is let in is being worked on. What piled up while this process stood still for a moment is let
 * in whole, because it catches up; only a loop that stays behind turns calls away for coming together.
 */
export class Admission {
  readonly #bounds: Bounds;
  readonly #backlog: { turn(): void; behind(): boolean };
  #inFlight = 0;
  #thisTurn = 0;

  constructor(
    bounds: Partial<Bounds> = {},
    backlog: { turn(): void; behind(): boolean } = new Backlog(
      () => performance.now(),
      () => performance.nodeTiming.idleTime,
    ),
  ) {
    this.#bounds = { ...defaults, ...bounds };
    this.#backlog = backlog;
  }

  /** True: the call is let in, and `leave` is to be called when it is answered. */
  enter(): boolean {
    if (this.#thisTurn++ === 0) {
      this.#backlog.turn();
      setImmediate(() => (this.#thisTurn = 0));
    }
    if (this.#inFlight >= this.#bounds.inFlight || (this.#thisTurn > this.#bounds.perTurn && this.#backlog.behind())) {
      this.#bounds.onRefused();
      return false;
    }
    this.#inFlight++;
    return true;
  }

  leave(): void {
    this.#inFlight--;
  }
}

const come = new Metadata();
come.set("aegis-error-code", "unavailable");
// Seconds, as in HTTP (RFC 9110 §10.2.3), for people and gateways; the other is what gRPC's own retries keep to (gRFC A6).
come.set("retry-after", String(Math.ceil(retryAfterMs / 1000)));
come.set("grpc-retry-pushback-ms", String(retryAfterMs));

/** The answer to a call that was not let in. */
export const busy: Partial<StatusObject> = Object.freeze({
  code: status.UNAVAILABLE,
  details: "too many calls at once: come back shortly",
  metadata: come,
});

/** The answer to a call whose deadline passed before anything was done. */
export const late: Partial<StatusObject> = Object.freeze({ code: status.DEADLINE_EXCEEDED, details: "the call's deadline has passed" });
