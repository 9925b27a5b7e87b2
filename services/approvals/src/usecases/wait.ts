import { type Found, find, notFound } from "./find.ts";
import type { ApprovalRecord, Ports } from "./ports.ts";

const arrivalPollMs = 200;

export interface Patience {
  /** Undefined: whichever tenant's it is. */
  readonly tenant?: string | undefined;
  /** Whether this approval is the caller's to see. */
  readonly maySee: (approval: ApprovalRecord) => boolean;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/**
 * Resolves with the approval once it is no longer pending, or as it is when the time is over or the caller has gone.
 *
 * @throws AegisError `not_found`, also for one that is not the caller's to see.
 */
export async function wait(ports: Pick<Ports, "approvals" | "changes" | "clock">, id: string, patience: Patience): Promise<Found> {
  const until = ports.clock.now().getTime() + patience.timeoutMs;
  for (;;) {
    const found = await find(ports, id, patience.tenant);
    if (found.seen && !patience.maySee(found.approval)) throw notFound(id);
    const left = until - ports.clock.now().getTime();
    if (left <= 0 || patience.signal.aborted) return found;
    if (!found.seen) await ports.changes.pause(Math.min(arrivalPollMs, left), patience.signal);
    else if (found.approval.state === "pending") await ports.changes.next(found.approval.id, found.approval.version, left, patience.signal);
    else return found;
  }
}
