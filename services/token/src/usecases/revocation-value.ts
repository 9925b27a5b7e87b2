import type { Revocation } from "#domain/revocation.ts";

/** The value a revocation has in the bucket and in snapshots. Times are RFC 3339; after `until` a token's entry says nothing that its expiry does not. */
export function revocationValue(revocation: Revocation): { state: string; since: string; until?: string } {
  const since = new Date(revocation.since).toISOString();
  if ("agent" in revocation) return { state: revocation.state, since };
  return { state: "revoked", since, ...("until" in revocation ? { until: new Date(revocation.until).toISOString() } : {}) };
}
