import { ApprovalsService, RedeemResult } from "@aegis/contracts/aegis/approvals/v1/approvals";
import { AegisError } from "@aegis/contracts/errors";
import { actionName, agentName, digest, tenantName, toolName } from "@aegis/contracts/names";
import type { PeerVerifier } from "@aegis/rpc/peer";
import type { RpcServer } from "@aegis/rpc/server";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { z } from "zod";
import { findGrant, useGrant } from "#usecases/grant.ts";
import type { GrantPorts } from "#usecases/grant-ports.ts";
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

const findGrantRequest = z
  .object({
    tenant: tenantName,
    agent: agentName,
    subject: z.string().min(1).max(512),
    chain: z.array(z.string().max(512)).max(16),
    tool: toolName,
    action: actionName,
    ruleDigest: digest,
    argumentsJson: z.instanceof(Uint8Array),
  })
  .transform(({ argumentsJson, ...held }, context) => {
    const parsed = readObject(argumentsJson);
    if (parsed !== undefined) return { ...held, arguments: parsed };
    context.addIssue({ code: "custom", message: "arguments_json is not a JSON object" });
    return z.NEVER;
  });

const useGrantRequest = z.object({
  grantId: z.uuid(),
  tenant: tenantName,
  agent: agentName,
  instance: z.string().max(64),
  actionDigest: digest,
  ruleDigest: digest,
  decisionId: z.uuid(),
});

/** `aegis.approvals.v1.ApprovalsService`. Only authz redeems, and uses grants. */
export function approvalsRpc(server: RpcServer, ports: Ports & GrantPorts, who: Callers, authz: PeerVerifier, stopping: AbortSignal): void {
  server.serve(ApprovalsService, {
    async redeem(request, call) {
      await authz(call.metadata);
      const { overrideToken, ...attempt } = read(redeemRequest, request);
      const redemption = await redeem(ports, overrideToken, attempt);
      return {
        result: results[redemption.result],
        message: redemption.result === "redeemed" ? "" : redemption.message,
        approvalId: redemption.approvalId ?? "",
        approvers: [...(redemption.approvers ?? [])],
      };
    },

    async findGrant(request, call) {
      await authz(call.metadata);
      const { tenant, ...held } = read(findGrantRequest, request);
      return { grantId: (await findGrant(ports, tenant, held))?.id ?? "" };
    },

    async useGrant(request, call) {
      await authz(call.metadata);
      const grant = await useGrant(ports, read(useGrantRequest, request));
      if (grant === undefined) return { used: false, message: "the standing grant is spent, revoked or over", remaining: 0 };
      return { used: true, message: "", remaining: grant.maxUses - grant.uses };
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

/** @throws AegisError `invalid_argument` that says what is wrong. */
function read<S extends z.ZodType>(schema: S, request: unknown): z.infer<S> {
  const parsed = schema.safeParse(request);
  if (!parsed.success) throw new AegisError("invalid_argument", z.prettifyError(parsed.error));
  return parsed.data;
}

function readObject(bytes: Uint8Array): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString());
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

const results = {
  redeemed: RedeemResult.REDEEMED,
  invalid: RedeemResult.INVALID,
  policy_changed: RedeemResult.POLICY_CHANGED,
} as const;
