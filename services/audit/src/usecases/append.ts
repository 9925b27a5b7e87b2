import type { Candidate, Coordinates, Received } from "#domain/candidate.ts";
import { chain } from "#domain/chain.ts";
import { receive } from "#domain/receive.ts";
import { newAlarms, settle } from "#domain/settle.ts";
import { tally } from "#domain/tally.ts";
import type { Ports } from "./ports.ts";

export interface Appended {
  /** New entries by tenant. */
  readonly entries: ReadonlyMap<string, number>;
}

/** Messages that are read, and not yet in the ledger. */
export interface Prepared {
  readonly candidates: readonly Candidate[];
  /** When they arrived, by the process' own clock. */
  readonly start: number;
}

/**
 * Takes a batch of messages into the ledger in one transaction: each event once, whatever is delivered again or out of order.
 * When `commit` resolves, all of them are committed and may be acknowledged.
 */
export function append({ ledger, clock, signals }: Pick<Ports, "ledger" | "clock" | "signals">) {
  return {
    /** Needs nothing but the messages. */
    prepare: (messages: readonly Received[]): Prepared => ({ start: performance.now(), candidates: messages.map(receive) }),
    async commit({ candidates, start }: Prepared): Promise<Appended> {
      const tenants = [...new Set(candidates.map((candidate) => candidate.tenant))].sort();
      const { added, duplicates } = await ledger.append(tenants, async (transaction) => {
        const places = coordinates(candidates);
        const settled = settle(candidates, await transaction.known(candidates, places));
        const raised = settled.alarms.length === 0 ? [] : newAlarms(settled.alarms, await transaction.known(settled.alarms, []));
        const fresh = [...settled.fresh, ...raised];
        if (fresh.length > 0) await transaction.write(chain(fresh, transaction.heads, clock.now().toISOString()));
        await transaction.heard(places);
        return { added: fresh, duplicates: settled.duplicates + settled.alarms.length - raised.length };
      });
      for (const { tenant, id, alarm, received } of added) {
        if (alarm !== undefined) signals.alarm({ tenant, id, reason: alarm, subject: received.subject });
      }
      signals.appended({ entries: added.length, duplicates, seconds: (performance.now() - start) / 1000 });
      signals.counted(tally(added));
      return { entries: new Map([...Map.groupBy(added, (each) => each.tenant)].map(([tenant, own]) => [tenant, own.length])) };
    },
  };
}

const coordinates = (candidates: readonly Candidate[]): Coordinates[] => candidates.flatMap((candidate) => candidate.coordinates ?? []);
