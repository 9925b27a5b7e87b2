import { deliver } from "#usecases/deliver.ts";
import type { ExportPorts } from "#usecases/export-ports.ts";
import type { News } from "./news.ts";

const lookMs = 1_000;
/** After news, a moment for more to come: a batch for one entry each would cost more than it is worth. */
const gatherMs = 50;
const countMs = 5_000;

/** Sends what sinks have not had, for ever, whenever there are new entries and otherwise each second. Disposing lets batches in hand finish. */
export function runDeliveries(ports: ExportPorts, { news }: { readonly news: News }): AsyncDisposable {
  const stopping = new AbortController();
  const round = deliver(ports, { random: Math.random, stopping: () => stopping.signal.aborted });
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
        if ((await round()) > 0) continue;
      } catch (error) {
        ports.exportSignals.deliveryFailed(error);
      }
      await news.of("*", lookMs, stopping.signal);
      await news.of("", gatherMs, stopping.signal);
    }
  };
  const done = run();
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await done;
    },
  };
}
