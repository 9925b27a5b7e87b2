import { AegisError, type ErrorCode } from "@aegis/contracts/errors";
import { JetStreamApiError } from "@nats-io/jetstream";
import { PermissionViolationError, RequestError, TimeoutError } from "@nats-io/nats-core";

/** JetStream's own error numbers (server/errors.json) that we tell apart. */
export const jetStreamCode = {
  consumerNotFound: 10014,
  consumerExists: 10148,
  streamNotFound: 10059,
  streamNameInUse: 10058,
  storeFailed: 10077,
  wrongLastSequence: 10071,
  notEnoughResources: 10023,
} as const;

const apiCodes: Readonly<Record<number, readonly [ErrorCode, string]>> = {
  [jetStreamCode.consumerNotFound]: ["not_found", "the consumer does not exist"],
  [jetStreamCode.streamNotFound]: ["not_found", "the stream does not exist"],
  [jetStreamCode.wrongLastSequence]: ["conflict", "someone else wrote this key first"],
  [jetStreamCode.storeFailed]: ["resource_exhausted", "the stream is full"],
  [jetStreamCode.notEnoughResources]: ["resource_exhausted", "JetStream has no resources left"],
};

/**
 * What a call to NATS met, in the codes of ours.
 * `deadline_exceeded` and `unavailable` (no connection, JetStream not ready: 503) are worth the same call again;
 * after them a publish may or may not have been stored.
 */
export function busError(caught: unknown): AegisError {
  if (caught instanceof AegisError) return caught;
  const error = caught instanceof RequestError && caught.cause !== undefined ? caught.cause : caught;
  if (error instanceof TimeoutError) return new AegisError("deadline_exceeded", "NATS did not answer in time", { cause: caught });
  if (error instanceof PermissionViolationError) {
    return new AegisError("permission_denied", `NATS refuses ${error.operation} on ${error.subject}`, { cause: caught });
  }
  if (error instanceof JetStreamApiError) return apiError(error);
  return new AegisError("unavailable", "NATS cannot be reached or JetStream is not ready", { cause: caught });
}

/** Whether the server answered with this JetStream error number. */
export function isJetStreamCode(caught: unknown, code: number): boolean {
  const error = caught instanceof AegisError ? caught.cause : caught;
  return error instanceof JetStreamApiError && error.code === code;
}

function apiError(error: JetStreamApiError): AegisError {
  const known = apiCodes[error.code];
  if (known !== undefined) return new AegisError(known[0], known[1], { cause: error });
  const code = error.status === 503 ? "unavailable" : "internal";
  return new AegisError(code, `JetStream refused the call: ${error.message}`, { cause: error });
}
