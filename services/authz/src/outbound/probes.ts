import type { BudgetService } from "@aegis/contracts/aegis/budget/v1/budget";
import type { RpcClient } from "@aegis/rpc/client";
import type { Logger } from "@aegis/service/logger";
import type { Probes } from "#usecases/ports.ts";

const probeDeadlineMs = 1_000;

/** Asks the budget service, which alone says who is a probe. Whoever cannot ask lets nobody through. */
export const probesOver = (client: RpcClient<typeof BudgetService>, logger: Logger): Probes => ({
  async probe(tenant, scopes, decisionId) {
    try {
      const { passes, retryAfter } = await client.probe({ tenant, scopes: [...scopes], decisionId }, { deadlineMs: probeDeadlineMs });
      if (passes) return { passes };
      return { passes, retryAfterMs: retryAfter ? Number(retryAfter.seconds) * 1000 + retryAfter.nanos / 1e6 : 1_000 };
    } catch (error) {
      logger.warn({ err: error, tenant, scopes }, "breakers cannot be asked");
      return { passes: false, retryAfterMs: 2_000 };
    }
  },
  trip(tenant, agent, cause) {
    client
      .trip({ tenant, agent, cause }, { deadlineMs: probeDeadlineMs })
      .catch((error: unknown) => logger.warn({ err: error, tenant, agent, cause }, "a looping agent could not be told of"));
  },
});
