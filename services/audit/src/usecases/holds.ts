import { AegisError } from "@aegis/contracts/errors";
import type { Clock } from "./ports.ts";
import type { Hold, HoldScope, RetentionPorts } from "./retention-ports.ts";

type Needs = Pick<RetentionPorts, "holds" | "retentionSignals"> & { readonly clock: Clock; readonly newId: () => string };

/** Who asks, and why: both go into the ledger. */
export interface Order {
  readonly tenant: string;
  readonly by: string;
  readonly reason: string;
}

/** Legal holds: what they cover survives retention until they are released. */
export function holding({ holds, retentionSignals: signals, clock, newId }: Needs) {
  return {
    /** The hold is in force, and in the ledger, when it resolves. */
    async place({ tenant, by, reason }: Order, scope: HoldScope): Promise<Hold> {
      const hold: Hold = { ...scope, id: newId(), tenant, reason, placedBy: by, placedAt: clock.now() };
      await holds.place(hold);
      signals.held({ tenant, hold: hold.id, by, change: "placed" });
      return hold;
    },
    /** Throws `not_found` when there is no such hold, or it was released before. */
    async release({ tenant, by, reason }: Order, id: string): Promise<void> {
      if (!(await holds.release(tenant, id, { by, at: clock.now(), reason })))
        throw new AegisError("not_found", `no hold ${id} in ${tenant}`);
      signals.held({ tenant, hold: id, by, change: "released" });
    },
  };
}
