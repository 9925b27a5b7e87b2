import { AegisError } from "@aegis/contracts/errors";
import { remaining } from "#domain/account.ts";
import { leaseTtlMs } from "#domain/lease.ts";
import { type Account, ownerOf, targetOf } from "#domain/target.ts";
import type { Holder, Ports, Soft } from "./ports.ts";

export interface LeaseGrant extends Soft {
  /** Empty when nothing was granted. */
  readonly leaseId: string;
  readonly granted: number;
  readonly ttlMs: number;
  readonly limit: number;
  readonly remaining: number;
  /** When nothing was granted: units that others hold and have not spent as far as is known. Recalled, they may come back. */
  readonly outstanding: number;
  readonly windowEnds: number | undefined;
}

/**
 * Gives a holder a share of an account that it may spend without asking again: between `need` and `want` units, or less when less remains.
 * Undefined: nothing bounds the account, nothing is counted.
 *
 * @throws AegisError `unavailable` while the tenant's limits are not known; `precondition_failed` for a holder that was replaced.
 */
export async function lease(
  ports: Pick<Ports, "policies" | "leases" | "clock" | "ids" | "signals">,
  account: Account,
  holder: Holder,
  ask: { readonly need: number; readonly want: number },
): Promise<LeaseGrant | undefined> {
  const now = ports.clock.now().getTime();
  const owner = ownerOf(ports.policies.of, account);
  const target = targetOf(owner.content, owner.account, now);
  const id = ports.ids.next();
  const answer = await ports.leases.lease(target, { id, holder, ...ask, now, expiresAt: now + leaseTtlMs });
  if (answer.kind === "fenced") {
    ports.signals.leased("fenced", 0);
    throw new AegisError("precondition_failed", `${holder.producer} has started anew: this life of it gets no more leases`);
  }
  if (answer.kind === "unlimited") {
    ports.signals.leased("unlimited", 0);
    return undefined;
  }
  const { granted, outstanding, limit, balance, softAction, retryAfterMs } = answer;
  ports.signals.leased(granted > 0 ? "granted" : "refused", granted);
  return {
    leaseId: granted > 0 ? id : "",
    granted,
    ttlMs: leaseTtlMs,
    limit,
    remaining: Math.max(0, remaining(balance, limit)),
    outstanding,
    ...(softAction && { softAction }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    windowEnds: target.windowEnd,
  };
}
