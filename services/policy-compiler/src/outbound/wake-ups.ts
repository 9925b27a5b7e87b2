import type { Bus } from "@aegis/bus/connect";
import { openBucket } from "@aegis/bus/kv";
import { AegisError } from "@aegis/contracts/errors";
import { stores } from "@aegis/contracts/subjects";
import type { Logger } from "@aegis/service/logger";
import type { WakeUps } from "#usecases/ports.ts";

/** Each holds a connection open. */
const mostWaiting = { inAll: 1_000, perTenant: 200 };

/** Wakes by what this process hands out, and by the bucket `policy-heads` for what others do. */
export async function wakeUps(bus: Bus, logger: Logger): Promise<WakeUps & AsyncDisposable> {
  const counts = new Map<string, number>();
  const waiting = new Map<string, Set<() => void>>();
  let inAll = 0;
  const wake = (tenant: string) => {
    counts.set(tenant, (counts.get(tenant) ?? 0) + 1);
    for (const done of waiting.get(tenant) ?? []) done();
  };
  const watch = (await openBucket(bus, stores.policyHeads)).watch({ logger, onEntry: wake });
  return {
    wake,
    count: (tenant) => counts.get(tenant) ?? 0,
    async wait(tenant, count, ms, signal) {
      if ((counts.get(tenant) ?? 0) > count || signal.aborted) return;
      const mine = waiting.get(tenant) ?? new Set();
      if (inAll >= mostWaiting.inAll || mine.size >= mostWaiting.perTenant)
        throw new AegisError("resource_exhausted", `too many wait for the policies of ${tenant}: ask again later, or without Prefer: wait`);
      waiting.set(tenant, mine);
      inAll++;
      await new Promise<void>((resolve) => {
        const done = () => {
          clearTimeout(timer);
          signal.removeEventListener("abort", done);
          mine.delete(done);
          if (mine.size === 0) waiting.delete(tenant);
          resolve();
        };
        const timer = setTimeout(done, ms);
        signal.addEventListener("abort", done, { once: true });
        mine.add(done);
      });
      inAll--;
    },
    [Symbol.asyncDispose]: () => watch[Symbol.asyncDispose](),
  };
}
