/** How long a holder may spend from a lease without asking again. Milliseconds. */
export const leaseTtlMs = 10_000;

/** How long after a holder was replaced its last decisions may still be on the way. Milliseconds. */
export const reclaimGraceMs = 30_000;

/** A share of an account in one holder's hands. */
export interface Lease {
  readonly granted: number;
  /** Units that decisions are known to have taken from it. */
  readonly attributed: number;
  /** What the holder said it spent, once it gave the lease back. */
  readonly spent?: number | undefined;
}

/** Units still debited for it: what its decisions may yet claim. */
export const outstanding = (lease: Lease): number => Math.max(0, (lease.spent ?? lease.granted) - lease.attributed);

/**
 * Units that go back when its holder says how much it spent. A holder cannot give back what decisions have already taken, nor more than it had.
 */
export function givenBack(lease: Lease, spent: number): number {
  const used = Math.min(lease.granted, Math.max(spent, lease.attributed));
  return Math.max(0, outstanding(lease) - (used - lease.attributed));
}

/** How many of a decision's units this lease still covers; the rest was never granted, or was taken back. */
export const covered = (lease: Lease, units: number): number => Math.min(units, outstanding(lease));
