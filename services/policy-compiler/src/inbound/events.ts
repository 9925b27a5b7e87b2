import type { Bus } from "@aegis/bus/connect";
import { type BusMessage, consume } from "@aegis/bus/consume";
import { policyActivated } from "@aegis/contracts/control-events";
import { subject, subjects } from "@aegis/contracts/subjects";
import type { Logger } from "@aegis/service/logger";
import type { Ports } from "#usecases/ports.ts";
import type { PolicyCompilerSignals } from "../signals.ts";

const { stream, pattern } = subjects.policyActivated;

/** Hears which replica enforces what. */
export function hearEvents(bus: Bus, ports: Ports & { readonly signals: PolicyCompilerSignals }, logger: Logger): AsyncDisposable {
  const onBatch = async (messages: BusMessage[]) => {
    for (const message of messages) {
      const event = usable(message, ports.signals);
      if (event !== undefined) {
        const { replica, revision, millisecondsSinceIssue: milliseconds } = event.data;
        await ports.activations.record(event.tenant, { replica, revision, activatedAt: Date.parse(event.time), milliseconds });
        if (message.deliveries === 1) ports.signals.activated(milliseconds);
      }
      await message.ack();
    }
  };
  return consume(bus, { stream, durable: "policy-compiler-activations", filter: pattern.replace(/<\w+>/g, "*"), onBatch, logger });
}

function usable(message: BusMessage, signals: PolicyCompilerSignals) {
  try {
    const event = policyActivated.parse(message.json());
    if (message.subject !== subject("policyActivated", { tenant: event.tenant })) throw new RangeError("the event names another tenant");
    return event;
  } catch (error) {
    signals.unusableEvent(message.subject, error);
    return undefined;
  }
}
