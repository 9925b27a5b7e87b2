import type { Revocation } from "#domain/revocation.ts";
import { revocationKey } from "#domain/revocation.ts";
import type { Ports } from "./ports.ts";
import { revocationValue } from "./revocation-value.ts";

/** The type of a signed snapshot. */
const snapshotType = "revocations+jwt";

/** How long a snapshot may be relied on, in seconds. */
const snapshotSeconds = 300;

/**
 * Signs all that is revoked, for whoever cannot hear the bucket: a compact JWS whose payload holds `iss`, `iat`, `exp` and
 * `revocations`, an object with the bucket's keys and values. With Postgres away the last state read is signed again:
 * nothing can be revoked meanwhile, and `as_of` says when it was read.
 */
export function revocationSnapshots({ revocations, keys, clock, settings }: Pick<Ports, "revocations" | "keys" | "clock" | "settings">) {
  let last: { readonly all: readonly Revocation[]; readonly asOf: number } | undefined;
  return async (): Promise<string> => {
    const now = clock.now().getTime();
    try {
      last = { all: await revocations.all(now), asOf: now };
    } catch (error) {
      if (last === undefined) throw error;
    }
    const seconds = Math.floor(now / 1000);
    return keys.sign(
      {
        iss: settings.issuer,
        iat: seconds,
        exp: seconds + snapshotSeconds,
        as_of: new Date(last.asOf).toISOString(),
        revocations: Object.fromEntries(last.all.map((one) => [revocationKey(one), revocationValue(one)])),
      },
      snapshotType,
    );
  };
}
