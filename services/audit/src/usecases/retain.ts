import { type Appended, append } from "./append.ts";
import type { Ports } from "./ports.ts";
import type { RetentionPorts } from "./retention-ports.ts";

const monthsAhead = 3;
const page = 100;

type Needs = RetentionPorts & Pick<Ports, "ledger" | "clock" | "signals">;

/**
 * One round of retention: the coming months get their partitions, what retention has passed leaves, and what the ledger has to tell of
 * itself goes into it. Safe to run anywhere, any number of times at once.
 */
export function retain({ months, ownEvents, retentionSignals: signals, ...ports }: Needs) {
  const { prepare, commit } = append(ports);
  return {
    async round(): Promise<void> {
      const now = ports.clock.now();
      await months.ensure(
        Array.from({ length: monthsAhead }, (_, ahead) => new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + ahead))),
      );
      for (const month of await months.past()) {
        const entries = await months.retire(month);
        if (entries > 0) signals.retired({ month, entries });
      }
    },
    /** Takes in the ledger's own events; undefined when there are none. One that was taken in before a crash is known by its id. */
    async tell(): Promise<Appended | undefined> {
      const due = await ownEvents.due(page);
      if (due.length === 0) return undefined;
      const appended = await commit(prepare(due));
      await ownEvents.done(due.map(({ id }) => id));
      return appended;
    },
  };
}
