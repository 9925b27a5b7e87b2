import { every } from "@aegis/service/every";
import type { HealthCheck } from "@aegis/service/health";
import type { BurningAccount, Ports } from "#usecases/ports.ts";
import { reclaimStranded, settleOverdue } from "#usecases/sweep.ts";
import type { BudgetSignals } from "../signals.ts";

const everyMs = 2_000;
const idleBreakerMs = 3_600_000;
const burnMs = 10_000;
/** So many accounts are shown: a series for each agent of each tenant would be too many. */
const mostBurning = 30;

/**
 * Settles what is overdue and takes back what dead holders left; a failed round is tried again with the next, and says meanwhile that
 * the database is missing. Disposing lets the round in hand finish.
 */
export function keepSweeping(ports: Ports & { readonly signals: BudgetSignals }, database: HealthCheck): AsyncDisposable {
  const sweep = async () => {
    await settleOverdue(ports);
    await reclaimStranded(ports);
    database.up();
  };
  return every(everyMs, sweep, (error) => {
    ports.signals.sweepFailed(error);
    database.down("PostgreSQL cannot be used");
  });
}

/** Tells authz of breakers what they could not be told before, and forgets those that nobody uses. */
export function keepTelling(ports: Pick<Ports, "breakers" | "clock"> & { readonly signals: BudgetSignals }): AsyncDisposable {
  const round = async () => {
    await ports.breakers.tellUntold();
    await ports.breakers.forgetIdle(ports.clock.now().getTime() - idleBreakerMs);
  };
  return every(everyMs, round, (error) => ports.signals.sweepFailed(error));
}

/** Looks again and again at which accounts are nearest to their limits. */
export function watchBurn(read: (limit: number) => Promise<readonly BurningAccount[]>, signals: BudgetSignals): AsyncDisposable {
  return every(
    burnMs,
    async () => signals.burning(await read(mostBurning)),
    (error) => signals.sweepFailed(error),
  );
}
