import type { AccessRequestsService } from "@aegis/contracts/aegis/approvals/v1/access_requests";
import { type ApprovalsService, RedeemResult } from "@aegis/contracts/aegis/approvals/v1/approvals";
import { AegisError } from "@aegis/contracts/errors";
import type { RpcClient } from "@aegis/rpc/client";
import { approvalOfOverride } from "#domain/override.ts";
import type { Approvals, Redemption } from "#usecases/ports.ts";
import { timesOf } from "./tasks.ts";

/** Longest wait for a redemption, in milliseconds. */
const deadlineMs = 3_000;

/** A held call waits no longer than this to hear of a standing grant. Milliseconds. */
const findDeadlineMs = 500;

/** What was spent but whose answer was lost is asked for again with the same decision id: it then gets the same answer, not a second one. */
async function twice<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof AegisError) || (error.code !== "unavailable" && error.code !== "deadline_exceeded")) throw error;
    return ask();
  }
}

/** Redeems override tokens, approvals that are presented by their id, and uses standing grants, at the approvals service. */
export function approvalsOver(
  client: RpcClient<typeof ApprovalsService>,
  options: { approvalsUrl: string; tasks: RpcClient<typeof AccessRequestsService> },
): Approvals {
  const byId = async (approvalId: string, { actionDigest, ruleDigest, decisionId, ...of }: Redemption) => {
    const requester = { tenant: of.tenant, agent: of.agent, instance: of.instance, subject: of.subject };
    const spending = { requester, approvalId, actionDigest, ruleDigest, decisionId };
    const { approval, denial, message } = await twice(() => options.tasks.redeemApproval(spending, { deadlineMs }));
    return approval
      ? { ok: true as const, approvalId, approvedUntil: timesOf(approval).approvedUntil }
      : { ok: false as const, denial, message };
  };
  return {
    async redeem(redemption) {
      try {
        const approvalId = approvalOfOverride(redemption.overrideToken);
        if (approvalId !== undefined) return await byId(approvalId, redemption);
        const answer = await twice(() => client.redeem(redemption, { deadlineMs }));
        if (answer.result === RedeemResult.REDEEMED) return { ok: true, approvalId: answer.approvalId };
        return { ok: false, message: answer.message === "" ? "the override token is not valid for this call" : answer.message };
      } catch (error) {
        return { ok: false, message: `the override cannot be redeemed now: ${AegisError.from(error).message}` };
      }
    },
    async findGrant({ arguments: args, ...call }) {
      try {
        const { grantId } = await client.findGrant(
          { ...call, chain: [...call.chain], argumentsJson: Buffer.from(JSON.stringify(args)) },
          { deadlineMs: findDeadlineMs },
        );
        return grantId === "" ? undefined : grantId;
      } catch {
        // Then people are asked, as without a grant.
        return undefined;
      }
    },
    async useGrant(use) {
      try {
        const answer = await twice(() => client.useGrant(use, { deadlineMs }));
        return answer.used ? { ok: true } : { ok: false, message: answer.message };
      } catch (error) {
        return { ok: false, message: `the standing grant cannot be used now: ${AegisError.from(error).message}` };
      }
    },
    statusUrl: (approvalId) => `${options.approvalsUrl}/v1/approvals/${approvalId}`,
  };
}
