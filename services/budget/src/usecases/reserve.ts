import { remaining } from "#domain/account.ts";
import { type Account, ownerOf, targetOf } from "#domain/target.ts";
import type { Ports, Soft } from "./ports.ts";

export type Reservation =
  | { readonly reserved: true }
  | {
      readonly reserved: false;
      readonly refused: Account;
      readonly limit: number;
      readonly remaining: number;
      /** Until the account's window ends, or until leases may have come back. Undefined: waiting does not help. */
      readonly retryAfterMs: number | undefined;
      readonly softAction: Soft["softAction"];
    };

/** Units in an authz's hands come back within seconds. */
const leasesReturnMs = 2_000;

/**
 * Reserves on every account or on none. Accounts nobody bounds are not counted.
 *
 * @throws AegisError `unavailable` while the tenant's limits are not known; `conflict` for a decision whose reservation was released.
 */
export async function reserve(
  ports: Pick<Ports, "policies" | "reservations" | "clock" | "signals">,
  tenant: string,
  decisionId: string,
  amounts: readonly { readonly account: Account; readonly units: number }[],
  pastSoft: boolean,
): Promise<Reservation> {
  const now = ports.clock.now().getTime();
  const targets = amounts.map(({ account, units }) => {
    const owner = ownerOf(ports.policies.of, account);
    return { target: targetOf(owner.content, owner.account, now), units, named: account };
  });
  const answer = await ports.reservations.reserve(tenant, decisionId, targets, now, pastSoft);
  ports.signals.reserved(answer.kind);
  if (answer.kind === "reserved") return { reserved: true };
  const { target, limit, balance } = answer;
  const refused = targets.find((one) => one.target === target)?.named ?? target;
  const untilWindowEnds = target.windowEnd === undefined ? undefined : target.windowEnd - now;
  return {
    reserved: false,
    refused: { tenant, scope: refused.scope, unit: refused.unit, window: refused.window },
    limit,
    remaining: Math.max(0, remaining(balance, limit)),
    retryAfterMs: answer.retryAfterMs ?? (balance.leased > 0 ? leasesReturnMs : untilWindowEnds),
    softAction: answer.softAction,
  };
}
