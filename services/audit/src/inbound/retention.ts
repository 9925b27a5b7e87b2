import { sleep } from "@aegis/service/clock";
import type { Appended } from "#usecases/append.ts";
import type { Ports } from "#usecases/ports.ts";
import { retain } from "#usecases/retain.ts";
import type { RetentionPorts } from "#usecases/retention-ports.ts";

const roundMs = 3_600_000;
const retryMs = 10_000;
const tellMs = 1_000;

/** Runs retention at once and then each hour, and takes the ledger's own events in within a second. Disposing lets a round finish. */
export function runRetention(
  ports: RetentionPorts & Pick<Ports, "ledger" | "clock" | "signals">,
  { onAppended }: { readonly onAppended: readonly ((appended: Appended, waiting: number) => void)[] },
): AsyncDisposable {
  const retention = retain(ports);
  const stopping = new AbortController();
  const run = async () => {
    for (let due = 0; !stopping.signal.aborted; ) {
      try {
        if (performance.now() >= due) {
          await retention.round();
          due = performance.now() + roundMs;
        }
        const appended = await retention.tell();
        if (appended !== undefined) for (const tell of onAppended) tell(appended, 0);
      } catch (error) {
        ports.retentionSignals.failed(error);
        due = performance.now() + retryMs;
      }
      await sleep(tellMs, stopping.signal);
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
