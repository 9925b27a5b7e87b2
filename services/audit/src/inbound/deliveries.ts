import { deliver } from "#usecases/deliver.ts";
import type { ExportPorts } from "#usecases/export-ports.ts";
import type { News } from "./news.ts";

const lookMs = 1_000;
/** After news, a moment for more to come: a batch for one entry each would cost more than it is worth. */
const gatherMs = 50;
const countMs = 5_000;

/** With so many messages waiting for their entries, those go first. */
const behind = 2_000;
/** After so long what was said of them is old. */
const staleMs = 5_000;

export interface Deliveries extends AsyncDisposable {
  /** Tells how many messages wait for their entries. */
  ingesting(waiting: number): void;
}

/**
 * Sends what sinks have not had, for ever, whenever there are new entries and otherwise each second; a batch a second while the ledger
 * itself is behind, because producers wait for it. Disposing lets batches in hand finish.
 */
export function runDeliveries(ports: ExportPorts, { news }: { readonly news: News }): Deliveries {
  const stopping = new AbortController();
  let ingestion = { waiting: 0, at: 0 };
  const givesWay = () => ingestion.waiting >= behind && performance.now() - ingestion.at < staleMs;
  const round = deliver(ports, { random: Math.random, stopping: () => stopping.signal.aborted, givesWay });
  let counted = Number.NEGATIVE_INFINITY;
  let fresh = true;

  const upkeep = async () => {
    if (fresh) await ports.sinks.takeBack();
    fresh = false;
    if (performance.now() - counted < countMs) return;
    counted = performance.now();
    await ports.sinks.ensureStreams();
    ports.exportSignals.backlog(await ports.sinks.backlog());
  };
  const run = async () => {
    while (!stopping.signal.aborted) {
      try {
        await upkeep();
        if ((await round()) > 0 && !givesWay()) continue;
      } catch (error) {
        ports.exportSignals.deliveryFailed(error);
      }
      if (givesWay()) await news.of("", lookMs, stopping.signal);
      else {
        await news.of("*", lookMs, stopping.signal);
        await news.of("", gatherMs, stopping.signal);
      }
    }
  };
  const done = run();
  return {
    ingesting(waiting) {
      ingestion = { waiting, at: performance.now() };
    },
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await done;
    },
  };
}
