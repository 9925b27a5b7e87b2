import { reclaimGraceMs } from "#domain/lease.ts";
import { measured, outcomeGraceMs } from "#domain/reservation.ts";
import type { Ports } from "./ports.ts";

const batch = 200;

/** Counts as spent what has been reserved for long without an outcome. */
export async function settleOverdue(ports: Pick<Ports, "reservations" | "clock" | "signals">): Promise<void> {
  const decisions = await ports.reservations.overdue(ports.clock.now().getTime() - outcomeGraceMs, batch);
  for (const decisionId of decisions) await ports.reservations.settle(decisionId, measured(undefined));
  if (decisions.length > 0) ports.signals.overdue(decisions.length);
}

/**
 * Takes back what was left unspent by holders that did not say so. How late a lease is proves nothing: its decisions may still wait in
 * the holder's spool. It is over when its holder's later decisions, or a later life of the holder, have been heard of, and the stream
 * has been read to its end since: then what its decisions took is known, and the rest was not spent.
 */
export async function reclaimStranded(ports: Pick<Ports, "leases" | "stream" | "clock" | "signals">): Promise<void> {
  if (!ports.stream.caughtUp()) return;
  const now = ports.clock.now().getTime();
  const stranded = await ports.leases.stranded(now - reclaimGraceMs, batch);
  for (const { id, producer } of stranded) await ports.leases.giveBack(id, producer, 0, now);
  if (stranded.length > 0) ports.signals.reclaimed(stranded.length);
}
