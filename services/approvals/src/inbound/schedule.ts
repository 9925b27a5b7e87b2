import { every } from "@aegis/service/every";
import type { HealthCheck } from "@aegis/service/health";
import type { ChannelPorts } from "#usecases/channel-ports.ts";
import { deliver } from "#usecases/deliver.ts";
import { expire } from "#usecases/expire.ts";
import type { Ports } from "#usecases/ports.ts";
import type { ApprovalSignals } from "../signals.ts";

const everyMs = 1_000;

/**
 * Expires what is due, every second; a failed round is tried again with the next, and says meanwhile that the database is missing.
 * Disposing lets the round in hand finish.
 */
export function keepExpiring(ports: Ports & { readonly signals: ApprovalSignals }, database: HealthCheck): AsyncDisposable {
  const sweep = async () => {
    while ((await expire(ports)) > 0);
    ports.signals.waiting(await ports.approvals.pending());
    database.up();
  };
  return every(everyMs, sweep, (error) => {
    ports.signals.sweepFailed(error);
    database.down("PostgreSQL cannot be used");
  });
}

const deliverEveryMs = 500;

/** Sends what is due, all the time. Disposing lets the messages in hand be sent. */
export const keepDelivering = (ports: Ports & ChannelPorts & { readonly signals: ApprovalSignals }): AsyncDisposable =>
  every(
    deliverEveryMs,
    async () => {
      while ((await deliver(ports)) > 0);
    },
    (error) => ports.signals.deliveryFailed(error),
  );
