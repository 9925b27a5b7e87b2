import type { KeyObject } from "node:crypto";
import type { Bus } from "@aegis/bus/connect";
import { openPipeline } from "@aegis/bus/pipeline";
import { sleep } from "@aegis/service/clock";
import type { Logger } from "@aegis/service/logger";
import type { SpoolRecord } from "@aegis/spool/reader";
import type { Spool } from "@aegis/spool/spool";
import { isTracing, pastSpan, sampledTraceparentIn, spanTime } from "@aegis/telemetry/trace";
import { decodeSpooled, type SpooledEvent } from "./spooled-event.ts";
import { Statements } from "./statements.ts";

export interface PublisherOptions {
  readonly spool: Spool;
  readonly bus: Bus;
  readonly logger: Logger;
  /** JetStream has stored this event. It frees nothing: only the ledger's watermark does. */
  readonly onStored: (id: string) => void;
  /** Who signs what is published; nobody when absent. */
  readonly signer?: { readonly producer: string; readonly key: KeyObject } | undefined;
}

export interface Publisher extends AsyncDisposable {
  /** Events handed to JetStream and not yet stored. */
  inFlight(): number;
  /** Events of this run that are stored. */
  stored(): number;
  /**
   * Sends these events of an epoch once more, under another `Nats-Msg-Id`: JetStream said that it has them, and the ledger does not.
   * The ledger knows repeats.
   */
  sendAgain(epoch: string, first: number, last: number): Promise<void>;
}

const mostInFlight = 512;
const firstRetryMs = 100;
const lastRetryMs = 5_000;

/**
 * Carries the spool to JetStream, for ever: what fails is sent again after a jittered wait, with the same `Nats-Msg-Id`.
 * After a restart everything that was not released is sent again; consumers know repeats by the event's id.
 */
export function startPublisher(options: PublisherOptions): Publisher {
  const stop = new AbortController();
  const flight = new Flight();
  const pipeline = openPipeline(options.bus);
  const tracing = isTracing();
  let stored = 0;
  let rounds = 0;
  const send = async ({ subject, id, bytes }: SpooledEvent, onStored: () => void) => {
    for (let attempt = 0; !stop.signal.aborted; attempt++) {
      try {
        const trace = tracing ? sampledTraceparentIn(bytes) : undefined;
        const start = trace === undefined ? 0 : spanTime();
        await pipeline.publish(subject, id, bytes);
        if (trace !== undefined)
          pastSpan("aegis.publish", { traceparent: trace, start, end: spanTime(), attributes: publishAttributes(subject, id) });
        onStored();
        return;
      } catch (error) {
        if (attempt % 20 === 5) options.logger.warn({ err: error, subject, id }, "event is not stored yet");
        // Full jitter: after an outage the waiting events must not come back as one wave.
        await sleep(Math.random() * Math.min(lastRetryMs, firstRetryMs * 2 ** attempt), stop.signal);
      }
    }
  };
  const { signer } = options;
  const statements = signer && new Statements({ ...signer, send: (event) => flight.add(send(event, () => undefined)) });
  const first = (record: SpoolRecord) => {
    const event = decodeSpooled(record.body);
    statements?.add(record, event);
    const onStored = () => {
      if (record.epoch === options.spool.epoch) stored += 1;
      options.onStored(event.id);
    };
    flight.add(send(event, onStored));
  };
  const carry = async () => {
    await using reader = options.spool.reader();
    while (!stop.signal.aborted) {
      try {
        await flight.below(mostInFlight, stop.signal);
        for (const record of await reader.read(Math.max(1, mostInFlight - flight.size), stop.signal)) first(record);
      } catch (error) {
        options.logger.error({ err: error }, "the spool cannot be read; trying again");
        await sleep(1_000, stop.signal);
      }
    }
  };
  const done = carry();
  return {
    inFlight: () => flight.size,
    stored: () => stored,
    async sendAgain(epoch, first, last) {
      const round = `~${++rounds}`;
      for await (const records of options.spool.again(epoch, first, last)) {
        for (const record of records) {
          await flight.below(mostInFlight, stop.signal);
          const event = decodeSpooled(record.body);
          flight.add(send({ ...event, id: event.id + round }, () => options.onStored(event.id)));
        }
      }
    },
    async [Symbol.asyncDispose]() {
      statements?.close();
      // What was appended just now has a moment to leave; the rest goes out after the next start.
      if (options.bus.connected()) await Promise.race([flight.below(1, stop.signal), sleep(1_000, stop.signal)]);
      stop.abort();
      pipeline[Symbol.dispose]();
      await done;
    },
  };
}

/** By OpenTelemetry's conventions for messaging. */
const publishAttributes = (subject: string, id: string) => ({
  "messaging.system": "nats",
  "messaging.operation.name": "publish",
  "messaging.destination.name": subject,
  "messaging.message.id": id,
});

/** Counts what is on its way and tells when there is room. */
class Flight {
  size = 0;
  #landed: (() => void)[] = [];

  add(work: Promise<void>): void {
    this.size += 1;
    void work.finally(() => {
      this.size -= 1;
      const waiting = this.#landed;
      this.#landed = [];
      for (const wake of waiting) wake();
    });
  }

  async below(most: number, signal: AbortSignal): Promise<void> {
    while (this.size >= most && !signal.aborted) await new Promise<void>((resolve) => this.#landed.push(resolve));
  }
}
