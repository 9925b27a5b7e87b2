import type { Bus } from "@aegis/bus/connect";
import { type BusMessage, consume } from "@aegis/bus/consume";
import type { HealthCheck } from "@aegis/service/health";
import type { Logger } from "@aegis/service/logger";
import { isTracing, pastSpan, sampledTraceparentIn, spanTime } from "@aegis/telemetry/trace";
import type { VerifierKey } from "@aegis/tlog/note";
import { type Appended, append } from "#usecases/append.ts";
import type { Ports } from "#usecases/ports.ts";
import { keepStatements } from "#usecases/statements.ts";

export interface EventsOptions {
  /** Told of new entries, once they are committed, and of how many messages wait in the streams. */
  readonly onAppended: readonly ((appended: Appended, waiting: number) => void)[];
  readonly batch: number;
  readonly logger: Logger;
  readonly nats: HealthCheck;
  /** Keys of the producers: what is said to be theirs is checked when it comes. */
  readonly producerKeys: readonly VerifierKey[];
}

/** Reads the event streams and producers' statements whole, each by one durable that all instances share. */
export function consumeEvents(
  bus: Bus,
  ports: Pick<Ports, "ledger" | "clock" | "signals" | "statements">,
  { onAppended, batch, logger, nats, producerKeys }: EventsOptions,
): AsyncDisposable {
  const { prepare, commit } = append(ports);
  const tracing = isTracing();
  /** One stream's batches: the next is prepared while this one is committed, and committed after it. */
  const reading = (stream: "DECISIONS" | "CONTROL", durable: string) => {
    let turn: Promise<unknown> = Promise.resolve();
    const onBatch = async (messages: BusMessage[]): Promise<void> => {
      const start = tracing ? spanTime() : 0;
      const prepared = prepare(messages.map(({ subject, bytes }) => ({ subject, bytes })));
      const committed = turn.then(() => commit(prepared));
      turn = committed.catch(() => undefined);
      const appended = await committed;
      if (tracing) traceAppends(messages, start);
      for (const tell of onAppended) tell(appended, waiting());
      // Only now; and a lost acknowledgement is no loss: the message comes again and is known.
      for (const message of messages) message.acknowledge();
    };
    return consume(bus, { stream, durable, batch, onBatch, ahead: true, logger });
  };
  const keep = keepStatements(ports, producerKeys);
  const onStatements = async (messages: BusMessage[]): Promise<void> => {
    await keep(messages.map(({ bytes }) => bytes));
    await Promise.allSettled(messages.map((message) => message.ack()));
  };
  const waiting = (): number => consumers.reduce((total, consumer) => total + consumer.lag(), 0);
  const consumers = [
    consume(bus, { stream: "PRODUCERS", durable: "audit-producers", batch: 50, onBatch: onStatements, logger }),
    reading("DECISIONS", "audit-decisions"),
    reading("CONTROL", "audit-control"),
  ];
  const unwatch = bus.onStatus((connected) => (connected ? nats.up() : nats.down("disconnected")));
  ports.signals.watchLag(waiting);
  return {
    async [Symbol.asyncDispose]() {
      unwatch();
      await Promise.all(consumers.map((consumer) => consumer[Symbol.asyncDispose]()));
    },
  };
}

/** A span for each event whose trace is recorded: from its batch's arrival to the commit. */
function traceAppends(messages: readonly BusMessage[], start: number): void {
  const end = spanTime();
  for (const { bytes, subject } of messages) {
    const traceparent = sampledTraceparentIn(bytes);
    if (traceparent === undefined) continue;
    const attributes = {
      "messaging.system": "nats",
      "messaging.destination.name": subject,
      "messaging.batch.message_count": messages.length,
    };
    pastSpan("aegis.ledger.append", { traceparent, start, end, attributes });
  }
}
