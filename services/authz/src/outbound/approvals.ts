import { type ApprovalsService, RedeemResult } from "@aegis/contracts/aegis/approvals/v1/approvals";
import { AegisError } from "@aegis/contracts/errors";
import type { RpcClient } from "@aegis/rpc/client";
import type { Approvals } from "#usecases/ports.ts";

/** Longest wait for a redemption, in milliseconds. */
const deadlineMs = 3_000;

/** Redeems override tokens at the approvals service. */
export function approvalsOver(client: RpcClient<typeof ApprovalsService>, options: { approvalsUrl: string }): Approvals {
  const ask = async (redemption: Parameters<Approvals["redeem"]>[0]) => {
    // A redemption whose answer was lost is asked for again with the same id: it then gets the same answer, not a second redemption.
    try {
      return await client.redeem(redemption, { deadlineMs });
    } catch (error) {
      if (!(error instanceof AegisError) || (error.code !== "unavailable" && error.code !== "deadline_exceeded")) throw error;
      return client.redeem(redemption, { deadlineMs });
    }
  };
  return {
    async redeem(redemption) {
      try {
        const answer = await ask(redemption);
        if (answer.result === RedeemResult.REDEEMED) return { ok: true, approvalId: answer.approvalId };
        return { ok: false, message: answer.message === "" ? "the override token is not valid for this call" : answer.message };
      } catch (error) {
        return { ok: false, message: `the override cannot be redeemed now: ${AegisError.from(error).message}` };
      }
    },
    statusUrl: (approvalId) => `${options.approvalsUrl}/v1/approvals/${approvalId}`,
  };
}
