import { ApprovalsService, RedeemResult } from "@aegis/contracts/aegis/approvals/v1/approvals";
import { AegisError } from "@aegis/contracts/errors";
import { agentName, digest, tenantName } from "@aegis/contracts/names";
import type { PeerVerifier } from "@aegis/rpc/peer";
import type { RpcServer } from "@aegis/rpc/server";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { z } from "zod";
import type { Ports } from "#usecases/ports.ts";
import { redeem } from "#usecases/redeem.ts";
import { watch } from "#usecases/watch.ts";
import { type Callers, maySee, tenantOf } from "./callers.ts";

const redeemRequest = z.object({
  overrideToken: z.string().min(1).max(128),
  tenant: tenantName,
  agent: agentName,
  instance: z.string().max(64),
  actionDigest: digest,
  ruleDigest: digest,
  decisionId: z.uuid(),
});

/** `aegis.approvals.v1.ApprovalsService`. Only authz redeems. */
export function approvalsRpc(server: RpcServer, ports: Ports, who: Callers, authz: PeerVerifier, stopping: AbortSignal): void {
  server.serve(ApprovalsService, {
    async redeem(request, call) {
      await authz(call.metadata);
      const parsed = redeemRequest.safeParse(request);
      if (!parsed.success) throw new AegisError("invalid_argument", z.prettifyError(parsed.error));
      const { overrideToken, ...attempt } = parsed.data;
      const redemption = await redeem(ports, overrideToken, attempt);
      return {
        result: results[redemption.result],
        message: redemption.result === "redeemed" ? "" : redemption.message,
        approvalId: redemption.approvalId ?? "",
        approvers: [...(redemption.approvers ?? [])],
      };
    },

    async *watch(request, call) {
      const caller = await who.either(`Bearer ${request.token}`);
      if (!z.uuid().safeParse(request.approvalId).success) throw new AegisError("invalid_argument", "approval_id is not a UUID");
      const patience = { tenant: tenantOf(caller), maySee: (approval: Parameters<typeof maySee>[1]) => maySee(caller, approval) };
      for await (const approval of watch(ports, request.approvalId, { ...patience, signal: AbortSignal.any([call.signal, stopping]) })) {
        yield {
          approvalId: approval.id,
          state: approval.state,
          expiresAt: timestampFromMs(approval.expiresAt),
          decidedBy: [...approval.decidedBy],
        };
      }
    },
  });
}

const results = {
  redeemed: RedeemResult.REDEEMED,
  invalid: RedeemResult.INVALID,
  policy_changed: RedeemResult.POLICY_CHANGED,
} as const;
