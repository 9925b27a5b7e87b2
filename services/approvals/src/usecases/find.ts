import { AegisError } from "@aegis/contracts/errors";
import { mayStillArrive } from "#domain/arrival.ts";
import type { ApprovalRecord, Ports } from "./ports.ts";

const arrivalPollMs = 100;

/** An approval, or an id so young that its event may still be on the way. */
export type Found = { readonly seen: true; readonly approval: ApprovalRecord } | { readonly seen: false; readonly id: string };

/** @throws AegisError `not_found`. */
export async function find(ports: Pick<Ports, "approvals" | "clock">, id: string, tenant?: string): Promise<Found> {
  const approval = await ports.approvals.find(id, tenant);
  if (approval !== undefined) return { seen: true, approval };
  if (mayStillArrive(id, ports.clock.now().getTime())) return { seen: false, id };
  throw notFound(id);
}

/**
 * The same, but gives a young id so many milliseconds to arrive: whoever holds an id may act on it at once.
 *
 * @throws AegisError `not_found`; `unavailable` when it has not arrived in time but still may.
 */
export async function findOnceSeen(
  ports: Pick<Ports, "approvals" | "changes" | "clock">,
  id: string,
  options: { tenant?: string | undefined; waitMs: number; signal: AbortSignal },
): Promise<ApprovalRecord> {
  const until = ports.clock.now().getTime() + options.waitMs;
  for (;;) {
    const found = await find(ports, id, options.tenant);
    if (found.seen) return found.approval;
    if (ports.clock.now().getTime() >= until || options.signal.aborted) {
      throw new AegisError("unavailable", `approval ${id} has not arrived yet; try again`);
    }
    await ports.changes.pause(arrivalPollMs, options.signal);
  }
}

export const notFound = (id: string) => new AegisError("not_found", `there is no approval ${id}`);
