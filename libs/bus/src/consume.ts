import type { StreamName } from "@aegis/contracts/subjects";
import type { Logger } from "@aegis/service/logger";
import { AckPolicy, type Consumer, type ConsumerMessages, DeliverPolicy, type JsMsg } from "@nats-io/jetstream";
import { Arrival } from "./arrival.ts";
import { Backoff } from "./backoff.ts";
import { type Bus, untilConnected } from "./connect.ts";
import { isJetStreamCode, jetStreamCode } from "./errors.ts";
import { type BusMessage, busMessage } from "./message.ts";
import { captures } from "./publish.ts";
import { ensureStreamNamed } from "./streams.ts";

export type { BusMessage } from "./message.ts";

const ackWaitMs = 10_000;
const pullMs = 5_000;

export interface ConsumeOptions {
  readonly stream: StreamName;
  /** Name of the durable consumer; replicas that use the same name share the work. */
  readonly durable: string;
  /** Only subjects that match, e.g. "aegis.decision.*.*.approval_needed". */
  readonly filter?: string;
  /** At most so many messages at once. Default 200. */
  readonly batch?: number;
  /**
   * Given what is there, in stream order, one batch after the other; acks each message itself.
   * What it leaves open when it throws is delivered again after a growing pause.
   */
  readonly onBatch: (messages: BusMessage[]) => Promise<void>;
  /**
   * Hands over one batch more while the one before is still worked on, so that reading it and working on it overlap; whoever takes them
   * keeps their order. Default false.
   */
  readonly ahead?: boolean;
  readonly logger: Logger;
}

export interface Consumption extends AsyncDisposable {
  /** Messages stored and not yet delivered to this durable, as last heard. */
  lag(): number;
}

/**
 * Reads a stream at least once per message, for ever: a lost connection, a restarted server and a vanished stream or
 * consumer are waited out and made again. Disposing lets the batch in hand finish.
 */
export function consume(bus: Bus, options: ConsumeOptions): Consumption {
  const reader = new Reader(bus, options);
  const done = reader.run();
  return {
    lag: () => reader.lag,
    async [Symbol.asyncDispose]() {
      reader.stop();
      await done;
    },
  };
}

class Reader {
  lag = 0;
  readonly #bus: Bus;
  readonly #options: ConsumeOptions;
  readonly #arrival: Arrival;
  readonly #batch: number;
  readonly #stopping = new AbortController();
  readonly #failing = new Backoff(200, 10_000);
  #pull: ConsumerMessages | undefined;
  /** The batch that was handed over last. */
  #inHand: Promise<void> = Promise.resolve();

  constructor(bus: Bus, options: ConsumeOptions) {
    this.#bus = bus;
    this.#options = options;
    this.#arrival = new Arrival(bus);
    this.#batch = options.batch ?? 200;
  }

  stop(): void {
    this.#stopping.abort();
    this.#pull?.stop();
  }

  async run(): Promise<void> {
    const { logger, stream, durable } = this.#options;
    const retry = new Backoff();
    const signal = this.#stopping.signal;
    while (!signal.aborted) {
      try {
        await untilConnected(this.#bus, signal);
        if (signal.aborted) return;
        const consumer = await this.#ensureConsumer();
        retry.reset();
        while (!signal.aborted && this.#bus.connected()) await this.#read(consumer);
        await this.#inHand;
      } catch (error) {
        if (signal.aborted) return;
        logger.warn({ err: error, stream, durable }, "reading the stream was interrupted; going on");
        await retry.wait(signal);
      }
    }
  }

  /** One pull: hands over whatever has arrived by the time the previous batch is done. */
  async #read(consumer: Consumer): Promise<void> {
    const pull = await consumer.fetch({ max_messages: this.#batch, expires: pullMs });
    this.#pull = pull;
    // A pull does not outlive its connection. Stopping still yields what has arrived.
    const unsubscribe = this.#bus.onStatus((up) => {
      if (!up) pull.stop();
    });
    try {
      await this.#drain(pull, consumer);
    } finally {
      unsubscribe();
    }
  }

  async #drain(pull: ConsumerMessages, consumer: Consumer): Promise<void> {
    const { signal } = this.#stopping;
    if (signal.aborted) pull.stop();
    let messages: JsMsg[] = [];
    let received = 0;
    for await (const message of pull) {
      received++;
      if (this.#isOurs(message)) {
        this.lag = message.info.pending;
        messages.push(message);
      }
      // Let what is already in the socket join the batch.
      if (pull.getPending() === 0) await new Promise(setImmediate);
      if (pull.getPending() > 0 && messages.length < this.#batch) continue;
      await this.#next(messages);
      messages = [];
    }
    await this.#next(messages);
    // An empty pull may mean an idle stream or a consumer that is gone: asking tells, and throws when it is gone.
    if (received === 0 && !signal.aborted && this.#bus.connected()) this.lag = (await consumer.info()).num_pending;
  }

  /**
   * Whoever may make a consumer may name any subject for it to deliver to, this reader's inbox included. What is not this durable's,
   * or not of a subject that its stream captures, is dropped.
   */
  #isOurs(message: JsMsg): boolean {
    const { logger, stream, durable } = this.#options;
    const from = deliveredBy(message);
    const ours = from?.stream === stream && from.consumer === durable;
    if (ours && captures(stream, message.subject)) return true;
    if (ours) message.term();
    logger.error({ stream, durable, subject: message.subject, from }, "a message that does not belong here was dropped");
    return false;
  }

  async #next(messages: JsMsg[]): Promise<void> {
    const before = this.#inHand;
    this.#inHand = this.#hand(messages);
    await (this.#options.ahead ? before : this.#inHand);
  }

  /** After `stop`, what was fetched and not handed over goes back at once instead of after the acknowledgement's time. */
  async #hand(fetched: JsMsg[]): Promise<void> {
    if (fetched.length === 0) return;
    if (this.#stopping.signal.aborted) {
      for (const message of fetched) message.nak();
      return;
    }
    const stillAtIt = setInterval(() => {
      for (const message of fetched) message.working();
    }, ackWaitMs / 3);
    try {
      await this.#options.onBatch(fetched.map((message) => busMessage(message, this.#arrival)));
      this.#failing.reset();
    } catch (error) {
      const { logger, stream, durable } = this.#options;
      logger.error({ err: error, stream, durable, messages: fetched.length }, "a batch failed; it will be delivered again");
      // A message that was acked stays acked.
      for (const message of fetched) message.nak(1_000);
      await this.#failing.wait(this.#stopping.signal);
    } finally {
      clearInterval(stillAtIt);
    }
  }

  async #ensureConsumer(): Promise<Consumer> {
    const { stream, durable, filter } = this.#options;
    const { consumers } = this.#bus.manager;
    const config = {
      durable_name: durable,
      ack_policy: AckPolicy.Explicit,
      deliver_policy: DeliverPolicy.All,
      ack_wait: ackWaitMs * 1_000_000,
      max_deliver: -1,
      max_ack_pending: 5_000,
      ...(filter === undefined ? {} : { filter_subject: filter }),
    };
    try {
      await consumers.add(stream, config);
    } catch (error) {
      if (isJetStreamCode(error, jetStreamCode.streamNotFound)) {
        await ensureStreamNamed(this.#bus, stream);
        await consumers.add(stream, config);
      } else if (isJetStreamCode(error, jetStreamCode.consumerExists)) await consumers.update(stream, durable, config);
      else throw error;
    }
    return this.#bus.jetstream.consumers.get(stream, durable);
  }
}

/** The consumer a message came through; undefined when it came through none. */
function deliveredBy(message: JsMsg): { stream: string; consumer: string } | undefined {
  try {
    const { stream, consumer } = message.info;
    return { stream, consumer };
  } catch {
    return undefined;
  }
}
