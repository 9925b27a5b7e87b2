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
  let round = Promise.resolve();
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  const sweep = async () => {
    try {
      while ((await expire(ports)) > 0 && !stopped);
      ports.signals.waiting(await ports.approvals.pending());
      database.up();
    } catch (error) {
      ports.signals.sweepFailed(error);
      database.down("PostgreSQL cannot be used");
    }
    if (!stopped) timer = setTimeout(start, everyMs);
  };
  const start = () => {
    round = sweep();
  };
  start();
  return {
    async [Symbol.asyncDispose]() {
      stopped = true;
      clearTimeout(timer);
      await round;
    },
  };
}
