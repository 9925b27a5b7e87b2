import type { Ports } from "./ports.ts";

/** Watermarks of producers that were silent for longer are no longer repeated; the next event of theirs brings them back. */
const silentMs = 10 * 60_000;

/** Tells producers how far they may forget: everything up to there is in the ledger, without a gap, under a checkpoint. */
export function announce({ producers, announcer, clock }: Pick<Ports, "producers" | "announcer" | "clock">) {
  return {
    /** Moves the watermarks and tells of those that moved. */
    async changes(): Promise<void> {
      for (const watermark of await producers.advance()) announcer.watermark(watermark);
    },
    /** Repeats all current ones: hints may be lost. */
    async all(): Promise<void> {
      await producers.advance();
      for (const watermark of await producers.heardSince(new Date(clock.now().getTime() - silentMs))) announcer.watermark(watermark);
    },
  };
}
