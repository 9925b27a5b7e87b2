import { digestOf } from "@aegis/canonical/digest";
import { AegisError } from "@aegis/contracts/errors";
import type { HttpServer } from "@aegis/http/server";
import { type ProfileError, profileErrors, RequestRefused, readAccessRequest, taskBody } from "#domain/access-request.ts";
import { parseCall } from "#domain/call.ts";
import type { AccessRequests } from "#usecases/access-requests.ts";
import { asSaid, callerOf, checkRequestOf, jsonOf, speakerOf, strictly } from "./authzen.ts";
import type { GatewayUsecases } from "./gateway.ts";

type Outcome = Awaited<ReturnType<AccessRequests["get"]>>;
type Reply = Parameters<Parameters<HttpServer["setErrorHandler"]>[0]>[2];
type Request = Parameters<typeof jsonOf>[0] & { readonly params: unknown };

/** How long a client leaves a pending task alone, in seconds. */
const lookAgainSeconds = 5;

/** The Access Request Endpoint, the Task Status Endpoint and cancellation of AuthZEN's Access Request and Approval Profile. */
export async function accessRequestRoutes(
  server: HttpServer,
  usecases: GatewayUsecases & { readonly accessRequests: AccessRequests },
  { endpoint }: { readonly endpoint: string },
): Promise<void> {
  const { accessRequests } = usecases;
  const answer = (reply: Reply, outcome: Outcome, status: (status: string) => number = () => 200) => {
    if ("error" in outcome) return problem(reply, outcome.error);
    const { task } = outcome;
    if (task.status === "pending") void reply.header("retry-after", String(lookAgainSeconds));
    return reply.status(status(task.status)).header("cache-control", "no-store").send(taskBody(task, endpoint));
  };
  await strictly(server, (scope) => {
    scope.post("/access/v1/requests", async (request, reply) => {
      try {
        const body = jsonOf(request);
        const { asked, subject, evaluationId, expiresAt, justification } = readAccessRequest(body);
        // Also a time that is none, as the 30th of February.
        if (!(Date.parse(expiresAt) > Date.now())) return problem(reply, "expired_denial");
        const speaker = await speakerOf(usecases, subject, callerOf(request, "authzen"));
        if (speaker === undefined) return problem(reply, "invalid_denial_binding", "the subject is not the agent of the token");
        const call = parseCall(checkRequestOf(asSaid(asked, subject, speaker)));
        const submission = { evaluationId, justification, idempotencyKey: keyOf(request), submissionDigest: digestOf(body) };
        const outcome = await accessRequests.submit(speaker, call, submission);
        if ("task" in outcome) void reply.header("location", `${endpoint}/${outcome.task.id}`);
        return answer(reply, outcome, (status) => (status === "pending" ? 202 : 201));
      } catch (error) {
        if (error instanceof RequestRefused) return problem(reply, error.error, error.message);
        throw error;
      }
    });
    scope.get("/access/v1/requests/:id", async (request, reply) => {
      const id = taskId(request);
      return answer(reply, id === undefined ? unknown : await accessRequests.get(callerOf(request, "authzen"), id));
    });
    const cancel = async (request: Request, reply: Reply) => {
      const id = taskId(request);
      if (id === undefined) return answer(reply, unknown);
      return answer(reply, await accessRequests.cancel(callerOf(request, "authzen"), id, commentOf(request)));
    };
    scope.post("/access/v1/requests/:id/cancel", cancel);
    scope.delete("/access/v1/requests/:id/cancel", cancel);
  });
}

const unknown: Outcome = { error: "unknown_task" };

function taskId({ params }: Request): string | undefined {
  const { id } = params as { id: string };
  return /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id) ? id : undefined;
}

function keyOf({ headers }: Request): string {
  const key = headers["idempotency-key"] ?? "";
  if (typeof key !== "string" || !/^[\x20-\x7e]{0,256}$/.test(key))
    throw new AegisError("invalid_argument", "Idempotency-Key is one line of at most 256 printable ASCII characters");
  return key;
}

/** The words of who takes it back; a body is optional. */
function commentOf(request: Request): string {
  const { body } = request;
  if (body === undefined || body === null || (body instanceof Uint8Array && body.length === 0)) return "";
  const { reason = "", comment = "" } = jsonOf(request);
  const said = [reason, comment].filter((text) => text !== "").join(": ");
  if (typeof reason !== "string" || typeof comment !== "string" || said.length > 2_000 || said.includes("\0") || !said.isWellFormed())
    throw new AegisError("invalid_argument", "reason and comment are texts of at most 2000 characters together");
  return said;
}

function problem(reply: Reply, error: ProfileError, detail = titles[error]) {
  const status = profileErrors[error];
  const type = `urn:openid:authzen:access-request:error:${error}`;
  return reply.status(status).type("application/problem+json").send({ type, title: titles[error], status, detail });
}

const titles: Readonly<Record<ProfileError, string>> = {
  not_requestable: "The evaluation is not known as one that access can be requested for",
  expired_denial: "The requestable denial has expired",
  invalid_denial_binding: "The request is not the call that was denied",
  duplicate_request: "The Idempotency-Key was used for another request",
  unknown_task: "There is no such task of this agent",
  task_expired: "The task is no longer shown",
  invalid_task_state: "The task is already decided",
};
