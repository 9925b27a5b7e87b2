import type { Bus } from "@aegis/bus/connect";
import { type BusMessage, consume } from "@aegis/bus/consume";
import { type DecisionEvent, decisionEvent, decisionType } from "@aegis/contracts/decision-event";
import { type OutcomeEvent, outcomeEvent, outcomeType } from "@aegis/contracts/outcome-event";
import type { Logger } from "@aegis/service/logger";
import { applyEvents } from "#usecases/apply-events.ts";
import type { Ports, Stream } from "#usecases/ports.ts";
import type { BudgetSignals } from "../signals.ts";

/** A batch that failed is delivered again within this time. */
const redeliveryMs = 40_000;

/** Hears decisions and outcomes: what calls have cost. */
export interface Hearing extends Stream {
  start(ports: Omit<Ports, "stream"> & { readonly signals: BudgetSignals }): AsyncDisposable;
}

export function hearing(bus: Bus, logger: Logger): Hearing {
  let lag = () => Number.POSITIVE_INFINITY;
  let unsettledUntil = 0;
  return {
    caughtUp: () => bus.connected() && lag() === 0 && performance.now() >= unsettledUntil,
    start(ports) {
      unsettledUntil = performance.now() + redeliveryMs;
      const consumption = consume(bus, {
        stream: "DECISIONS",
        durable: "budget",
        logger,
        async onBatch(messages) {
          try {
            await takeIn(messages, ports);
          } catch (error) {
            unsettledUntil = performance.now() + redeliveryMs;
            throw error;
          }
        },
      });
      lag = () => consumption.lag();
      return consumption;
    },
  };
}

interface Batch {
  readonly decisions: DecisionEvent[];
  readonly outcomes: OutcomeEvent[];
}

async function takeIn(messages: BusMessage[], ports: Omit<Ports, "stream"> & { readonly signals: BudgetSignals }): Promise<void> {
  const tenants = new Map<string, Batch>();
  const heard = new Map<string, { id: string; epoch: string; until: number }>();
  const usable: BusMessage[] = [];
  for (const message of messages) {
    const event = parse(message, ports.signals);
    if (event === undefined) {
      message.term();
      continue;
    }
    usable.push(message);
    const batch = tenants.get(event.tenant) ?? { decisions: [], outcomes: [] };
    tenants.set(event.tenant, batch);
    if (event.type === decisionType) batch.decisions.push(event);
    else batch.outcomes.push(event);
    const { id, epoch } = event.data.producer;
    const until = Math.max(Date.parse(event.time), heard.get(`${id}\n${epoch}`)?.until ?? 0);
    heard.set(`${id}\n${epoch}`, { id, epoch, until });
  }
  for (const [tenant, { decisions, outcomes }] of tenants) await applyEvents(ports, tenant, decisions, outcomes);
  await ports.leases.heard([...heard.values()]);
  await Promise.all(usable.map((message) => message.ack()));
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
