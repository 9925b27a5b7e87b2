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

/**
 * Takes a batch of messages into the ledger in one transaction: each event once, whatever is delivered again or out of order.
 * When it resolves, all of them are committed and may be acknowledged.
 */
export function append({ ledger, clock, signals }: Pick<Ports, "ledger" | "clock" | "signals">) {
  return async (messages: readonly Received[]): Promise<Appended> => {
    const start = performance.now();
    const candidates = messages.map(receive);
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
  };
}

const coordinates = (candidates: readonly Candidate[]): Coordinates[] => candidates.flatMap((candidate) => candidate.coordinates ?? []);
