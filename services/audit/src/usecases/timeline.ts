import { type Activity, ActivityCount } from "#domain/activity.ts";
import type { Clock, Ports, StoredEntry } from "./ports.ts";
import { recall } from "./recall.ts";

/** Entries that one summary counts. */
const maxCounted = 50_000;
const defaultWindowMs = 7 * 86_400_000;

export interface TimelineQuery {
  readonly tenant: string;
  readonly agent: string;
  /** Default: seven days before `to`. */
  readonly from?: Date | undefined;
  /** Default: now. */
  readonly to?: Date | undefined;
  readonly limit: number;
  /** Only entries before this sequence; then nothing is summed up. */
  readonly before?: number | undefined;
}

export interface Timeline {
  readonly from: Date;
  readonly to: Date;
  /** Newest first. */
  readonly entries: readonly StoredEntry[];
  /** On the first page. `complete` is false when the window holds more than a summary counts: then the oldest are not in it. */
  readonly summary?: Activity & { readonly complete: boolean };
}

/** Everything one agent did in a window, what it was denied, what it cost, what it touched and who approved. */
export function timeline({ entries, clock }: Pick<Ports, "entries"> & { clock: Clock }) {
  return async ({ tenant, agent, limit, before, ...window }: TimelineQuery): Promise<Timeline> => {
    const to = window.to ?? clock.now();
    const from = window.from ?? new Date(to.getTime() - defaultWindowMs);
    const page = await entries.find(tenant, { agent, from, to, before }, limit);
    if (before !== undefined) return { from, to, entries: page };
    const { records, complete } = await recall(entries, tenant, { agent, from, to }, maxCounted);
    const count = new ActivityCount();
    for (const record of records) count.add(record);
    return { from, to, entries: page, summary: { ...count.result(), complete } };
  };
}
