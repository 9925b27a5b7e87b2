import {
  AccessRequestError,
  type AccessRequestsService,
  type Approval,
  type Task as WireTask,
} from "@aegis/contracts/aegis/approvals/v1/access_requests";
import { AegisError } from "@aegis/contracts/errors";
import type { RpcClient } from "@aegis/rpc/client";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { ApprovalTimes, ProfileError, Task } from "#domain/access-request.ts";
import type { Tasks } from "#usecases/access-requests.ts";

/** A submission waits at approvals for its decision's event to arrive. Milliseconds. */
const submitMs = 10_000;

/** Approvals' tasks, over gRPC. */
export function tasksOver(client: RpcClient<typeof AccessRequestsService>): Tasks {
  return {
    submit: async (requester, request) => outcomeOf(await client.submitAccessRequest({ requester, ...request }, { deadlineMs: submitMs })),
    get: async (requester, id) => outcomeOf(await client.getAccessRequest({ requester, id })),
    cancel: async (requester, id, comment) => outcomeOf(await client.cancelAccessRequest({ requester, id, comment })),
  };
}

type Answer = Pick<Awaited<ReturnType<RpcClient<typeof AccessRequestsService>["getAccessRequest"]>>, "outcome">;

function outcomeOf({ outcome }: Answer): Awaited<ReturnType<Tasks["get"]>> {
  if (outcome.case === "task") return { task: taskOf(outcome.value) };
  const error = outcome.case === "error" ? errors[outcome.value] : undefined;
  if (error === undefined) throw new AegisError("internal", "approvals gave an answer without an outcome");
  return { error };
}

const taskOf = ({ id, status, expiresAt, approval }: WireTask): Task => ({
  ...{ id, status, expiresAt: time(expiresAt), approval: approval && timesOf(approval) },
});

/** When an approval was given, and until when it counts. */
export const timesOf = ({ approvedAt, approvedUntil }: Approval): ApprovalTimes => ({
  ...{ approvedAt: time(approvedAt), approvedUntil: time(approvedUntil) },
});

const time = (stamp: WireTask["expiresAt"]): string => (stamp ? timestampDate(stamp) : new Date(0)).toISOString();

const errors: Readonly<Partial<Record<AccessRequestError, ProfileError>>> = {
  [AccessRequestError.NOT_REQUESTABLE]: "not_requestable",
  [AccessRequestError.EXPIRED_DENIAL]: "expired_denial",
  [AccessRequestError.INVALID_DENIAL_BINDING]: "invalid_denial_binding",
  [AccessRequestError.DUPLICATE_REQUEST]: "duplicate_request",
  [AccessRequestError.UNKNOWN_TASK]: "unknown_task",
  [AccessRequestError.TASK_EXPIRED]: "task_expired",
  [AccessRequestError.INVALID_TASK_STATE]: "invalid_task_state",
};
