import type { Bus } from "@aegis/bus/connect";
import type { HealthCheck } from "@aegis/service/health";
import type { Ports } from "#usecases/ports.ts";
import { reconcile } from "#usecases/reconcile.ts";
import type { PolicyCompilerSignals } from "../signals.ts";

/**
 * Keeps what is handed out equal to the database: at once, after every reconnect to NATS, and at each interval, which also renews heads
 * before they expire. Ready means that PostgreSQL can be used; NATS may be away. Disposing lets the round in hand finish.
 */
export function keepHandedOut(
  bus: Bus,
  ports: Ports & { readonly signals: PolicyCompilerSignals },
  options: { readonly everyMs: number; readonly database: HealthCheck },
): AsyncDisposable {
  const { signals } = ports;
  let stopped = false;
  let thorough = true;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;

  const round = async () => {
    const everything = thorough;
    thorough = false;
    try {
      const failed = await reconcile(ports, { thorough: everything });
      signals.waiting(failed);
      if (failed > 0) thorough ||= everything;
      options.database.up();
    } catch (error) {
      thorough ||= everything;
      signals.reconcileFailed(error);
      options.database.down("PostgreSQL cannot be used");
    }
  };
  const start = () => {
    clearTimeout(timer);
    running ??= round().finally(() => {
      running = undefined;
      // A reconnect during the round asks for another one at once.
      if (!stopped) timer = setTimeout(start, thorough ? Math.min(500, options.everyMs) : options.everyMs);
    });
  };
  const unsubscribe = bus.onStatus((connected) => {
    if (!connected || stopped) return;
    // NATS may have come back empty.
    thorough = true;
    start();
  });
  start();
  return {
    async [Symbol.asyncDispose]() {
      stopped = true;
      unsubscribe();
      clearTimeout(timer);
      await running;
    },
  };
}
