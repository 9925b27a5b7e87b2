import { AegisError, errorCodes } from "@aegis/contracts/errors";
import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";

/** RFC 9457 problem details, with our closed `code` and, when the error has them, its public details. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly [member: string]: unknown;
}

/** `status` where HTTP has a better one for the error than its code has. */
export function problemOf(error: AegisError, status: number = errorCodes[error.code].http): Problem {
  return {
    ...error.details,
    type: `urn:aegis:error:${error.code}`,
    title: titles[status] ?? "Error",
    status,
    detail: error.message,
    code: error.code,
  };
}

/** Fastify's error handler: ours as they are, the framework's as `invalid_argument`, anything else as a neutral 500. */
export function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const known = translate(error as FastifyError, request.routeOptions.bodyLimit);
  if (known.code === "internal") request.log.error({ err: error }, "request failed");
  const tooLarge = (error as FastifyError).statusCode === 413;
  const problem = problemOf(known, tooLarge ? 413 : undefined);
  if (problem.status === 401) void reply.header("www-authenticate", "Bearer");
  void reply.status(problem.status).type("application/problem+json").send(problem);
}

/**
 * Fastify's onError hook, for whatever error handler a route has. A connection that is closed while its client still sends is reset,
 * and the answer may be lost with it. So what is still to come of too large a body is read and thrown away, for as long as a request
 * may take, and the connection stays. A little at a time, though: nobody's flood of such bodies is to keep this process busy.
 */
export async function hearOut(request: FastifyRequest, reply: FastifyReply, error: FastifyError): Promise<void> {
  if (error.statusCode !== 413) return;
  reply.removeHeader("connection");
  const { raw } = request;
  raw.on("data", () => {
    raw.pause();
    setTimeout(() => raw.resume(), restMs);
  });
}

/** Between two reads, of 64 KiB at most, of a body that nobody wants. Milliseconds. */
const restMs = 5;

function translate(error: FastifyError, bodyLimit: number | undefined): AegisError {
  if (error instanceof AegisError) return error;
  if (Array.isArray(error.validation)) {
    const faults = error.validation.map((fault) => ({
      at: `${error.validationContext ?? ""}${fault.instancePath}`,
      message: fault.message ?? "",
    }));
    return new AegisError("invalid_argument", "the request is not usable", { cause: error, details: { faults } });
  }
  if (error.statusCode === 413)
    return new AegisError("invalid_argument", `the body exceeds the limit of ${bodyLimit} bytes`, { cause: error });
  if (error.statusCode !== undefined && error.statusCode < 500) return new AegisError("invalid_argument", error.message, { cause: error });
  return AegisError.from(error);
}

const titles: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  409: "Conflict",
  412: "Precondition Failed",
  413: "Content Too Large",
  422: "Unprocessable Content",
  429: "Too Many Requests",
  500: "Internal Server Error",
  501: "Not Implemented",
  503: "Service Unavailable",
  504: "Gateway Timeout",
};
