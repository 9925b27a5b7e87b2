import type { Logger } from "@aegis/service/logger";
import type { Spool } from "@aegis/spool/spool";
import type { Publisher } from "./publisher.ts";

/** First and last number of events in a row. */
type Range = readonly [first: number, last: number];

/** How far the ledger has an epoch of this producer. */
export interface LedgerWord {
  readonly epoch: string;
  /** Everything up to here is ledgered and under a checkpoint. */
  readonly sequence: number;
  /** Ledgered, though not without holes. */
  readonly highest?: number | undefined;
  /** The lowest holes below `highest`. */
  readonly missing?: readonly Range[] | undefined;
}

interface Heard {
  readonly missing: readonly Range[];
  readonly highest: number;
  /** Since when the ledger stands at `highest`. */
  readonly since: number;
  /** What was sent again last, when, and how long the same is left alone then. */
  readonly sent: { readonly first: number; readonly at: number; readonly pauseMs: number };
}

/** How long the ledger must have stood still before the end of an epoch counts as lost. */
const stillMs = 5_000;
const firstPauseMs = 3_000;
const longestPauseMs = 60_000;

/**
 * Acts on what the ledger says of this producer: frees what it has, and sends again what it lacks although JetStream acknowledged it.
 * A server may lose what it acknowledged; the spool makes that harmless.
 */
export function hearLedger(options: {
  readonly spool: Pick<Spool, "release" | "last">;
  readonly publisher: Pick<Publisher, "sendAgain" | "inFlight">;
  readonly logger: Logger;
  /** Milliseconds on the monotonic clock. */
  readonly now?: () => number;
}): (word: LedgerWord) => Promise<void> {
  const { spool, publisher, logger, now = () => performance.now() } = options;
  const heard = new Map<string, Heard>();
  return async ({ epoch, sequence, highest = sequence, missing = [] }) => {
    await spool.release(epoch, sequence);
    const end = spool.last(epoch);
    if (missing.length === 0 && highest >= end) {
      heard.delete(epoch);
      return;
    }
    const at = now();
    const before = heard.get(epoch);
    const since = before?.highest === highest ? before.since : at;
    const sent = before?.sent ?? { first: 0, at: Number.NEGATIVE_INFINITY, pauseMs: firstPauseMs };
    heard.set(epoch, { missing, highest, since, sent });
    // Only what was missing the last time as well: what is younger may still be on its way.
    const ranges = missing.filter((hole) => before?.missing.some((earlier) => overlap(hole, earlier)));
    // An end that is lost leaves no hole. Whatever still waits for JetStream's answer is not lost.
    if (highest < end && at - since >= stillMs && publisher.inFlight() === 0) ranges.push([highest + 1, end]);
    const [first] = ranges;
    const inVain = first?.[0] === sent.first;
    if (first === undefined || at - sent.at < (inVain ? sent.pauseMs : firstPauseMs)) return;
    // In vain once: rarer and rarer, for the ledger may have another trouble.
    const pauseMs = inVain ? Math.min(longestPauseMs, 2 * sent.pauseMs) : firstPauseMs;
    heard.set(epoch, { missing, highest, since, sent: { first: first[0], at, pauseMs } });
    const events = ranges.reduce((sum, [from, to]) => sum + to - from + 1, 0);
    logger.warn({ epoch, events, from: first[0] }, "the ledger lacks events that NATS acknowledged: sending them again");
    for (const [from, to] of ranges) await publisher.sendAgain(epoch, from, to);
  };
}

const overlap = ([first, last]: Range, [from, to]: Range): boolean => from <= last && to >= first;
