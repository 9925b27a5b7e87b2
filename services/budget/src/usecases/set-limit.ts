import { AegisError } from "@aegis/contracts/errors";
import { type Account, targetOf } from "#domain/target.ts";
import type { Ports } from "./ports.ts";

/**
 * Lowers what policies allow an account; `limit` undefined lifts that again.
 *
 * @throws AegisError `unprocessable` when no policy bounds the account: authz charges the accounts that policies name, so a limit set
 * here alone would bound nothing; `unavailable` while the tenant's policies are not known.
 */
export async function setLimit(
  ports: Pick<Ports, "policies" | "limits" | "clock">,
  account: Account,
  limit: number | undefined,
  by: string,
): Promise<void> {
  const now = ports.clock.now().getTime();
  if (limit !== undefined && targetOf(ports.policies.of(account.tenant), account, now).policyLimit === undefined) {
    const what = `${account.unit} of ${account.scope} (${account.window})`;
    throw new AegisError("unprocessable", `no policy bounds ${what}: publish a limit for it first; one set here can only lower it`);
  }
  await ports.limits.set(account, limit, by, now);
}
