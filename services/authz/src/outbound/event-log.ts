import type { Bus } from "@aegis/bus/connect";
import type { Logger } from "@aegis/service/logger";
import { openSpool, type Spool, type SpoolOptions } from "@aegis/spool/spool";
import type { EventLog } from "#usecases/ports.ts";
import { Acknowledgements } from "./acknowledgements.ts";
import { hearLedger, type LedgerWord } from "./ledger-word.ts";
import { type Publisher, startPublisher } from "./publisher.ts";
import { encodeSpooled, eventBytes } from "./spooled-event.ts";
import { producerKeyOf } from "./statements.ts";

/** The log of events: a durable spool on this disk, and a publisher that carries it to JetStream. */
export interface PublishedLog extends EventLog, AsyncDisposable {
  readonly publisher: Publisher;
  /** Events of this process that JetStream has not stored yet. */
  lag(): number;
  /** The ledger said how far it has this producer's events. */
  readonly ledgered: (word: LedgerWord) => Promise<void>;
}

/** Opens the spool of events: its chain vouches for their bytes as they are published. */
export const openEvents = (options: Omit<SpoolOptions, "chains">): Promise<Spool> => openSpool({ ...options, chains: eventBytes });

/** Events into the local spool: serialised once, and those bytes are what is published. */
export function eventLog(options: {
  spool: Spool;
  bus: Bus;
  instance: string;
  /** A private Ed25519 JWK; without one nothing is signed. */
  producerKey: string | undefined;
  logger: Logger;
}): PublishedLog {
  const { spool, bus, instance, producerKey, logger } = options;
  const acknowledgements = new Acknowledgements();
  const publisher = startPublisher({
    ...{ spool, bus, logger },
    onStored: (id) => acknowledgements.stored(id),
    signer: producerKey === undefined ? undefined : { producer: instance, key: producerKeyOf(producerKey) },
  });
  let appended = 0;
  return {
    source: `aegis/authz/${instance}`,
    publisher,
    lag: () => appended - publisher.stored(),
    ledgered: hearLedger({ spool, publisher, logger }),
    state: () => spool.state(),
    append: ({ id, subject, make }, tier) =>
      spool.append((sequence) => {
        appended = sequence;
        return encodeSpooled({ id, subject, json: JSON.stringify(make({ id: instance, epoch: spool.epoch, sequence })) });
      }, tier),
    acknowledged: (id, timeoutMs) => acknowledgements.wait(id, timeoutMs),
    publishing: () => bus.connected(),
    [Symbol.asyncDispose]: () => publisher[Symbol.asyncDispose](),
  };
}
