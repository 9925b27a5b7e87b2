import type { Bus } from "@aegis/bus/connect";
import { every } from "@aegis/service/every";
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
  // The first round, and every one after NATS came back (it may be empty), looks at everything.
  let thorough = true;
  let after: string | undefined;
  const round = async () => {
    const everything = thorough;
    thorough = false;
    try {
      const { failed, lookedAt } = await reconcile(ports, { thorough: everything, after });
      after = lookedAt;
      signals.waiting(failed);
      if (failed > 0) thorough ||= everything;
      options.database.up();
    } catch (error) {
      thorough ||= everything;
      throw error;
    }
  };
  const rounds = every(options.everyMs, round, (error) => {
    signals.reconcileFailed(error);
    options.database.down("PostgreSQL cannot be used");
  });
  const unsubscribe = bus.onStatus((connected) => {
    if (!connected) return;
    thorough = true;
    rounds.soon();
  });
  return {
    async [Symbol.asyncDispose]() {
      unsubscribe();
      await rounds[Symbol.asyncDispose]();
    },
  };
}
