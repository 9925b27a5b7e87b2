import { BudgetService } from "@aegis/contracts/aegis/budget/v1/budget";
import { rpcClient } from "@aegis/rpc/client";
import { peerToken } from "@aegis/rpc/peer";
import type { Spawning } from "#usecases/grant-ports.ts";

const deadlineMs = 3_000;

/** Asks the budget service, with a credential of this instance's own key. Without its address nothing is bounded, and nobody is asked. */
export function spawningOver(options: {
  readonly budgetAddress?: string | undefined;
  readonly serviceKeyFile: string;
}): Spawning & Disposable {
  const { budgetAddress, serviceKeyFile: keyFile } = options;
  if (budgetAddress === undefined) return { refusal: async () => undefined, [Symbol.dispose]: () => undefined };
  const client = rpcClient(BudgetService, budgetAddress, {
    bearer: peerToken({ keyFile, service: "token", audience: "budget" }),
    deadlineMs,
  });
  return {
    async refusal({ promptId = "", sessionId = "", ...spawn }) {
      const { maySpawn, code, message, retryAfter } = await client.maySpawn({ ...spawn, promptId, sessionId });
      if (maySpawn) return undefined;
      const seconds = retryAfter === undefined ? undefined : Number(retryAfter.seconds) + (retryAfter.nanos > 0 ? 1 : 0);
      return { why: `${code}: ${message}`, ...(seconds === undefined ? {} : { retryAfterSeconds: seconds }) };
    },
    [Symbol.dispose]: () => client[Symbol.dispose](),
  };
}
