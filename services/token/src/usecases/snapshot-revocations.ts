import type { Revocation } from "#domain/revocation.ts";
import { revocationKey } from "#domain/revocation.ts";
import type { Ports } from "./ports.ts";
import { revocationValue } from "./revocation-value.ts";
import { journaledRevocations } from "./stop.ts";

/** The type of a signed snapshot. */
const snapshotType = "revocations+jwt";

/** How long a snapshot may be relied on, in seconds. */
const snapshotSeconds = 300;

export interface RevocationSnapshot {
  readonly jws: string;
  /** When PostgreSQL was read, and the journal. */
  readonly asOf: number;
  readonly at: number;
}

/**
 * Signs all that is revoked, for whoever cannot hear the bucket: a compact JWS whose payload holds `iss`, `iat`, `exp` and
 * `revocations`, an object with the bucket's keys and values. With Postgres away the last state read is signed again,
 * with what the journal took meanwhile; `as_of` says when it was read.
 */
export function revocationSnapshots({
  revocations,
  journal,
  keys,
  clock,
  settings,
}: Pick<Ports, "revocations" | "journal" | "keys" | "clock" | "settings">) {
  let last: { readonly all: readonly Revocation[]; readonly asOf: number } | undefined;
  return async (): Promise<RevocationSnapshot> => {
    const now = clock.now().getTime();
    const journaled = journaledRevocations(journal);
    try {
      last = { all: await revocations.all(now), asOf: now };
    } catch (error) {
      if (last === undefined) throw error;
    }
    const seconds = Math.floor(now / 1000);
    const jws = await keys.sign(
      {
        iss: settings.issuer,
        iat: seconds,
        exp: seconds + snapshotSeconds,
        as_of: new Date(last.asOf).toISOString(),
        revocations: Object.fromEntries([...last.all, ...journaled].map((one) => [revocationKey(one), revocationValue(one)])),
      },
      snapshotType,
    );
    return { jws, asOf: last.asOf, at: now };
  };
}
