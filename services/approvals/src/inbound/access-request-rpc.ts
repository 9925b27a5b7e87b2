import { AccessRequestsService, AccessRequestError as Wire } from "@aegis/contracts/aegis/approvals/v1/access_requests";
import { AegisError } from "@aegis/contracts/errors";
import { agentName, digest, tenantName } from "@aegis/contracts/names";
import type { PeerVerifier } from "@aegis/rpc/peer";
import type { RpcServer } from "@aegis/rpc/server";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { z } from "zod";
import type { Task } from "#domain/task.ts";
import {
  type AccessRequestError,
  accessRequestTask,
  cancelAccessRequest,
  redeemApproval,
  submitAccessRequest,
} from "#usecases/access-request.ts";
import type { Ports } from "#usecases/ports.ts";

const requester = z.object({ tenant: tenantName, agent: agentName, instance: z.string().max(64), subject: z.string().max(256) });
// PostgreSQL keeps no NUL in text.
const text = z
  .string()
  .max(2_000)
  .regex(/^[^\0]*$/);
const submission = z.object({
  requester,
  evaluationId: z.uuid(),
  actionDigest: digest,
  idempotencyKey: z.string().regex(/^[\x20-\x7e]{0,256}$/),
  submissionDigest: digest,
  justification: text,
});
const about = z.object({ requester, id: z.uuid() });
const cancellation = about.extend({ comment: text });
const spending = z.object({ requester, approvalId: z.uuid(), actionDigest: digest, ruleDigest: digest, decisionId: z.uuid() });

/** `aegis.approvals.v1.AccessRequestsService`: authz alone calls, for agents whose tokens it has verified. */
export function accessRequestsRpc(server: RpcServer, ports: Ports, authz: PeerVerifier, stopping: AbortSignal): void {
  server.serve(AccessRequestsService, {
    async submitAccessRequest(request, call) {
      await authz(call.metadata);
      const { requester: who, ...rest } = read(submission, request);
      return wire(await submitAccessRequest(ports, who, rest, AbortSignal.any([call.signal, stopping])));
    },
    async getAccessRequest(request, call) {
      await authz(call.metadata);
      const { requester: who, id } = read(about, request);
      return wire(await accessRequestTask(ports, who, id));
    },
    async cancelAccessRequest(request, call) {
      await authz(call.metadata);
      const { requester: who, ...rest } = read(cancellation, request);
      return wire(await cancelAccessRequest(ports, who, rest));
    },
    async redeemApproval(request, call) {
      await authz(call.metadata);
      const { requester: who, ...rest } = read(spending, request);
      const outcome = await redeemApproval(ports, who, rest);
      return "approval" in outcome ? { approval: approvalOf(outcome.approval) } : { denial: outcome.denial, message: outcome.message };
    },
  });
}

function read<T>(schema: z.ZodType<T>, request: unknown): T {
  const parsed = schema.safeParse(request);
  if (!parsed.success) throw new AegisError("invalid_argument", z.prettifyError(parsed.error));
  return parsed.data;
}

function wire(outcome: { readonly task: Task } | { readonly error: AccessRequestError }) {
  if ("error" in outcome) return { outcome: { case: "error" as const, value: errors[outcome.error] } };
  const { id, status, expiresAt, approval } = outcome.task;
  const task = { id, status, expiresAt: timestampFromMs(expiresAt), ...(approval && { approval: approvalOf(approval) }) };
  return { outcome: { case: "task" as const, value: task } };
}

const approvalOf = ({ approvedAt, approvedUntil }: NonNullable<Task["approval"]>) => ({
  approvedAt: timestampFromMs(approvedAt),
  approvedUntil: timestampFromMs(approvedUntil),
});

const errors: Readonly<Record<AccessRequestError, Wire>> = {
  not_requestable: Wire.NOT_REQUESTABLE,
  expired_denial: Wire.EXPIRED_DENIAL,
  invalid_denial_binding: Wire.INVALID_DENIAL_BINDING,
  duplicate_request: Wire.DUPLICATE_REQUEST,
  unknown_task: Wire.UNKNOWN_TASK,
  task_expired: Wire.TASK_EXPIRED,
  invalid_task_state: Wire.INVALID_TASK_STATE,
};
