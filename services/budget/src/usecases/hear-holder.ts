import { AegisError } from "@aegis/contracts/errors";
import type { Holder, Ports } from "./ports.ts";

/**
 * Hears that a holder of leases lives. When it says that at a time, `publishedAt`, nothing it decided with ended leases was still on its
 * way, that holds for leases that had ended then, however late its word arrives, and for the stream as it is now: once all of that has been
 * taken in, what its ended leases have left was not spent, also when it decides nothing more.
 *
 * The answer @throws AegisError `precondition_failed` for a holder that was replaced; `unavailable` while NATS cannot be asked.
 */
export function hearingHolders(
  ports: Pick<Ports, "leases" | "stream" | "clock">,
): (holder: Holder, publishedAt: number | undefined) => Promise<void> {
  /** The earliest word of each producer that is not known to be true of these books yet. */
  const said = new Map<string, { readonly epoch: string; readonly at: number; readonly place: number }>();
  return async (holder, publishedAt) => {
    const { producer, epoch } = holder;
    const now = ports.clock.now().getTime();
    if (!(await ports.leases.alive(holder, now))) {
      throw new AegisError("precondition_failed", `${producer} has started anew: this life of it holds nothing any more`);
    }
    const before = said.get(producer);
    if (before?.epoch === epoch) {
      if (!(await ports.stream.takenIn(before.place))) return;
      await ports.leases.heard([{ id: producer, epoch, until: before.at }]);
      said.delete(producer);
    }
    if (publishedAt !== undefined) said.set(producer, { epoch, at: Math.min(publishedAt, now), place: await ports.stream.end() });
  };
}
