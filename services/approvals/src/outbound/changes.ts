import type { Database } from "@aegis/postgres/connect";
import { asService } from "@aegis/postgres/tenant";
import { sleep } from "@aegis/service/clock";
import type { Logger } from "@aegis/service/logger";
import type { Changes } from "#usecases/ports.ts";
import type { Tables } from "./tables.ts";

const pollMs = 200;

interface Waiter {
  readonly id: string;
  readonly version: number;
  readonly wake: () => void;
}

/**
 * Notices changes for everybody who waits, with one query per interval however many they are, and none while nobody waits.
 * A poll that fails is only a later notice.
 */
export function changes(db: Database<Tables>, logger: Logger): Changes & Disposable {
  const waiters = new Set<Waiter>();
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  const poll = async () => {
    timer = undefined;
    const ids = [...new Set([...waiters].map((waiter) => waiter.id))];
    try {
      const versions = await asService(db, (trx) => trx.selectFrom("approvals").select(["id", "version"]).where("id", "in", ids).execute());
      const current = new Map(versions.map((row) => [row.id, row.version]));
      for (const waiter of waiters) if (current.get(waiter.id) !== waiter.version) waiter.wake();
    } catch (error) {
      logger.debug({ err: error }, "changes could not be read; trying again");
    }
    schedule();
  };
  const schedule = () => {
    if (timer === undefined && waiters.size > 0 && !stopped) timer = setTimeout(poll, pollMs);
  };

  return {
    next(id, version, timeoutMs, signal) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const waiter = { id, version, wake: resolve };
      waiters.add(waiter);
      schedule();
      return Promise.race([promise, sleep(timeoutMs, signal)]).finally(() => waiters.delete(waiter));
    },
    pause: sleep,
    [Symbol.dispose]() {
      stopped = true;
      clearTimeout(timer);
      for (const waiter of waiters) waiter.wake();
    },
  };
}
