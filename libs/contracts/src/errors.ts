/**
 * The closed list of what can go wrong between processes, with its gRPC status and its HTTP status.
 * An expected refusal is a value, never one of these; codes are never reused.
 */
export const errorCodes = {
  invalid_argument: { grpc: 3, http: 400 },
  unauthenticated: { grpc: 16, http: 401 },
  permission_denied: { grpc: 7, http: 403 },
  not_found: { grpc: 5, http: 404 },
  already_exists: { grpc: 6, http: 409 },
  conflict: { grpc: 10, http: 409 },
  precondition_failed: { grpc: 9, http: 412 },
  unprocessable: { grpc: 3, http: 422 },
  resource_exhausted: { grpc: 8, http: 429 },
  deadline_exceeded: { grpc: 4, http: 504 },
  unavailable: { grpc: 14, http: 503 },
  unimplemented: { grpc: 12, http: 501 },
  internal: { grpc: 13, http: 500 },
} as const;

export type ErrorCode = keyof typeof errorCodes;

/** A broken expectation. `message` is safe to show to the peer; `cause` is for the log only. */
export class AegisError extends Error {
  override readonly name = "AegisError";
  readonly code: ErrorCode;
  /** Extra members for the peer, e.g. the faults of a policy; never a secret. */
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; details?: Record<string, unknown> } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details;
  }

  /** Turns anything caught into an AegisError: one of ours comes back untouched, all else is `internal` with a neutral message. */
  static from(caught: unknown): AegisError {
    return caught instanceof AegisError ? caught : new AegisError("internal", "internal error", { cause: caught });
  }
}
