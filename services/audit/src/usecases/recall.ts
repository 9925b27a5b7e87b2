import { type Recorded, recorded } from "#domain/recorded.ts";
import { eventOf } from "./event-of.ts";
import type { Entries, EntryFilter } from "./ports.ts";

const page = 500;

/** The newest entries that match, at most so many, ascending; `complete` when there are no others. */
export async function recall(
  entries: Pick<Entries, "find">,
  tenant: string,
  filter: EntryFilter,
  atMost: number,
): Promise<{ readonly records: Recorded[]; readonly complete: boolean }> {
  const records: Recorded[] = [];
  for (let before = filter.before; ; ) {
    const found = await entries.find(tenant, { ...filter, before }, Math.min(page, atMost + 1 - records.length));
    for (const entry of found) records.push(recorded(entry.columns, eventOf(entry)));
    if (records.length > atMost) return { records: records.slice(0, atMost).reverse(), complete: false };
    if (found.length < page) return { records: records.reverse(), complete: true };
    before = found.at(-1)?.columns.sequence;
  }
}
