import { every } from "@aegis/service/every";
import type { HealthCheck } from "@aegis/service/health";
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
