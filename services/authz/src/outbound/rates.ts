import type { BudgetService } from "@aegis/contracts/aegis/budget/v1/budget";
import type { RpcClient } from "@aegis/rpc/client";
import type { Logger } from "@aegis/service/logger";
import type { Hold, Rates } from "#usecases/ports.ts";

type Answer = Hold | { readonly message: string; readonly retryAfter: number };

interface Line {
  readonly waiters: ((answer: Answer) => void)[];
  returned: number;
  asking: boolean;
}

const admitDeadlineMs = 1_000;

/**
 * Rates are kept by the budget service alone, so they are exact for all replicas together. Calls that wait for the same rates are asked
 * for at once: a crowd costs a few requests, not one each. Whoever cannot ask lets nobody through.
 */
export function ratesOver(client: RpcClient<typeof BudgetService>, logger: Logger): Rates {
  const lines = new Map<string, Line>();

  const serve = async (key: string, tenant: string, scopes: readonly string[], line: Line): Promise<void> => {
    line.asking = true;
    while (line.waiters.length > 0 || line.returned > 0) {
      const waiting = line.waiters.splice(0);
      const returned = line.returned;
      line.returned = 0;
      try {
        const request = { tenant, scopes: [...scopes], calls: waiting.length, returned };
        const answer = await client.admit(request, { deadlineMs: admitDeadlineMs });
        const giveBack = () => {
          line.returned++;
          lines.set(key, line);
          if (!line.asking) void serve(key, tenant, scopes, line);
        };
        const retryAfter = Math.max(1, Number(answer.retryAfter?.seconds ?? 0n) + ((answer.retryAfter?.nanos ?? 0) > 0 ? 1 : 0));
        const refused = { message: `at most ${answer.refusedBy}`, retryAfter };
        for (const [index, resolve] of waiting.entries())
          resolve(index < answer.admitted ? { reservations: [], commit: () => undefined, giveBack } : refused);
      } catch (error) {
        logger.warn({ err: error, tenant, scopes }, "rates cannot be asked for");
        for (const resolve of waiting) resolve({ message: "the rates of this call cannot be asked for now", retryAfter: 2 });
      }
    }
    line.asking = false;
    if (lines.get(key) === line) lines.delete(key);
  };

  return {
    admit(tenant, scopes) {
      const key = JSON.stringify([tenant, ...scopes]);
      const line = lines.get(key) ?? { waiters: [], returned: 0, asking: false };
      lines.set(key, line);
      return new Promise((resolve) => {
        line.waiters.push(resolve);
        // Calls that arrive in the same turn of the loop are asked for together.
        if (!line.asking) setImmediate(() => line.asking || serve(key, tenant, scopes, line));
      });
    },
  };
}
