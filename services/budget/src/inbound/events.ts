import type { Bus } from "@aegis/bus/connect";
import { type BusMessage, consume } from "@aegis/bus/consume";
import { type DecisionEvent, decisionEvent, decisionType } from "@aegis/contracts/decision-event";
import { AegisError } from "@aegis/contracts/errors";
import { type OutcomeEvent, outcomeEvent, outcomeType } from "@aegis/contracts/outcome-event";
import type { Logger } from "@aegis/service/logger";
import { applyEvents } from "#usecases/apply-events.ts";
import type { Ports, Stream } from "#usecases/ports.ts";
import type { BudgetSignals } from "../signals.ts";

/** A batch that failed is delivered again within this time. */
const redeliveryMs = 40_000;

/** After so long books that refused events are shown them again. */
const againMs = 10_000;

const [stream, durable] = ["DECISIONS", "budget"] as const;

/** Hears decisions and outcomes: what calls have cost. */
export interface Hearing extends Stream {
  start(ports: Omit<Ports, "stream"> & { readonly signals: BudgetSignals }): AsyncDisposable;
}

export function hearing(bus: Bus, logger: Logger): Hearing {
  let lag = () => Number.POSITIVE_INFINITY;
  let unsettledUntil = 0;
  return {
    end: () => asked(async () => (await bus.manager.streams.info(stream)).state.last_seq),
    takenIn: (place) =>
      asked(async () => {
        const { ack_floor, num_pending, num_ack_pending } = await bus.manager.consumers.info(stream, durable);
        return ack_floor.stream_seq >= place || num_pending + num_ack_pending === 0;
      }),
    caughtUp: () => bus.connected() && lag() === 0 && performance.now() >= unsettledUntil,
    start(ports) {
      unsettledUntil = performance.now() + redeliveryMs;
      const consumption = consume(bus, {
        ...{ stream, durable },
        logger,
        async onBatch(messages) {
          const settled = await takeIn(messages, ports).catch((error: unknown) => {
            unsettledUntil = performance.now() + redeliveryMs;
            throw error;
          });
          if (!settled) unsettledUntil = performance.now() + redeliveryMs;
        },
      });
      lag = () => consumption.lag();
      return consumption;
    },
  };
}

async function asked<T>(question: () => Promise<T>): Promise<T> {
  try {
    return await question();
  } catch (error) {
    throw new AegisError("unavailable", "NATS cannot be asked about decisions", { cause: error });
  }
}

interface Batch {
  readonly messages: BusMessage[];
  readonly decisions: DecisionEvent[];
  readonly outcomes: OutcomeEvent[];
}

/**
 * Each tenant by itself: books that refuse their events hold up no other's, and are shown them again later. False when there are such
 * events.
 *
 * @throws AegisError when PostgreSQL or NATS is away, whoever's events they are.
 */
async function takeIn(messages: BusMessage[], ports: Omit<Ports, "stream"> & { readonly signals: BudgetSignals }): Promise<boolean> {
  const tenants = new Map<string, Batch>();
  for (const message of messages) {
    const event = parse(message, ports.signals);
    if (event === undefined) {
      message.term();
      continue;
    }
    const batch = tenants.get(event.tenant) ?? { messages: [], decisions: [], outcomes: [] };
    tenants.set(event.tenant, batch);
    batch.messages.push(message);
    if (event.type === decisionType) batch.decisions.push(event);
    else batch.outcomes.push(event);
  }
  const applied: Batch[] = [];
  const refused: Batch[] = [];
  for (const [tenant, batch] of tenants) {
    try {
      await applyEvents(ports, tenant, batch.decisions, batch.outcomes);
      applied.push(batch);
    } catch (error) {
      if (error instanceof AegisError) throw error;
      refused.push(batch);
      ports.signals.eventsRefused(tenant, error);
    }
  }
  const unheard = new Set(refused.flatMap(eventsOf).map(({ data }) => lifeOf(data.producer)));
  await ports.leases.heard(heardOf(applied, unheard));
  for (const { messages } of refused) for (const message of messages) message.nak(againMs);
  await Promise.all(applied.flatMap((batch) => batch.messages.map((message) => message.ack())));
  return refused.length === 0;
}

const eventsOf = ({ decisions, outcomes }: Batch): readonly (DecisionEvent | OutcomeEvent)[] => [...decisions, ...outcomes];
const lifeOf = ({ id, epoch }: { readonly id: string; readonly epoch: string }): string => `${id}\n${epoch}`;

/** Until when each life of each producer was heard; a life of which an event is still to be applied was not. */
function heardOf(batches: readonly Batch[], unheard: ReadonlySet<string>): { id: string; epoch: string; until: number }[] {
  const heard = new Map<string, { id: string; epoch: string; until: number }>();
  for (const { time, data } of batches.flatMap(eventsOf)) {
    const { id, epoch } = data.producer;
    const life = lifeOf(data.producer);
    if (!unheard.has(life)) heard.set(life, { id, epoch, until: Math.max(Date.parse(time), heard.get(life)?.until ?? 0) });
  }
  return [...heard.values()];
}

/** Undefined for an event that will never be usable: it is counted and dropped, so that it holds up no other. */
function parse(message: BusMessage, signals: BudgetSignals): DecisionEvent | OutcomeEvent | undefined {
  try {
    const document = message.json() as { type?: unknown } | null;
    return document?.type === outcomeType ? outcomeEvent.parse(document) : decisionEvent.parse(document);
  } catch (error) {
    signals.unusableEvent(message.subject, error);
    return undefined;
  }
}
