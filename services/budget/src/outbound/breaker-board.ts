import type { Bus } from "@aegis/bus/connect";
import { openBucket } from "@aegis/bus/kv";
import { breakerKey, stores } from "@aegis/contracts/subjects";
import type { Breaker } from "#domain/breaker.ts";

/** Where every authz reads which breakers are open. */
export interface BreakerBoard {
  /** @throws AegisError `unavailable` when NATS does not take it. */
  put(tenant: string, scope: string, breaker: Breaker): Promise<void>;
}

/** The bucket `budget-state`. */
export async function breakerBoard(bus: Bus): Promise<BreakerBoard> {
  const bucket = await openBucket(bus, stores.budgetState);
  return {
    async put(tenant, scope, { state, cause, since, until }) {
      const key = breakerKey(tenant, scope);
      if (state === "closed") await bucket.delete(key);
      else await bucket.put(key, JSON.stringify({ state, scope, cause, since, until: until ?? since }));
    },
  };
}
