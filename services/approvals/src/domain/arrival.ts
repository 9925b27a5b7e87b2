/** How long an id may be ahead of its event. Milliseconds. */
export const arrivalGraceMs = 30_000;

/**
 * Whether an id is so young that its event may still be on the way. The time is the first 48 bits of a UUIDv7 (RFC 9562 §5.7),
 * which authz's clock wrote: a clock that runs ahead is given the same grace.
 */
export function mayStillArrive(id: string, now: number): boolean {
  if (!/^[0-9a-f]{8}-[0-9a-f]{4}-7/i.test(id)) return false;
  const minted = Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
  return Math.abs(now - minted) < arrivalGraceMs;
}
