import { AuthorizationService, type CheckResultRequest } from "@aegis/contracts/aegis/authz/v1/authz";
import { errorCodes } from "@aegis/contracts/errors";
import { certificateThumbprint } from "@aegis/identity/certificate";
import type { RpcCall, RpcServer } from "@aegis/rpc/server";
import { toJson } from "@bufbuild/protobuf";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import type { Draft } from "#domain/draft.ts";
import type { AdmitHits } from "#usecases/admit-hits.ts";
import type { Check } from "#usecases/check.ts";
import type { checkBatch } from "#usecases/check-batch.ts";
import type { CheckResult, ResultRequest } from "#usecases/check-result.ts";
import type { MayAct } from "#usecases/may-act.ts";
import type { Approvals } from "#usecases/ports.ts";
import type { ReportOutcome } from "#usecases/report-outcome.ts";
import type { Caller } from "#usecases/work.ts";
import { serveExtAuthz } from "./ext-authz.ts";
import { serveExtMcp } from "./ext-mcp.ts";
import { serveExtProc } from "./ext-proc.ts";
import { authorizationOf, traceContext } from "./presented.ts";
import { serveRateLimit } from "./rate-limit.ts";
import { checkResponse, checkResultResponse } from "./response.ts";
import { traced } from "./traced.ts";

export interface GrpcUsecases {
  readonly check: Check;
  readonly checkBatch: ReturnType<typeof checkBatch>;
  readonly checkResult: CheckResult;
  readonly reportOutcome: ReportOutcome;
  readonly mayAct: MayAct;
  readonly admitHits: AdmitHits;
  readonly statusUrl: Approvals["statusUrl"];
  readonly forwardedCertificates?: boolean | undefined;
  readonly outcomeReported: (outcome: number) => void;
}

/** Serves `aegis.authz.v1.AuthorizationService`, and what gateways ask. A caller that hangs up cancels nothing: its decision is recorded all the same. */
export function serveGrpc(server: RpcServer, given: GrpcUsecases): void {
  const usecases = { ...given, check: traced(given.check) };
  serveExtAuthz(server, usecases);
  serveExtProc(server, usecases);
  serveExtMcp(server, usecases);
  serveRateLimit(server, usecases);
  const respond = (draft: Draft) => checkResponse(draft, usecases.statusUrl);
  server.serve(AuthorizationService, {
    check: async (request, call) => {
      return respond(await usecases.check(request, callerOf(call)));
    },
    checkBatch: async (request, call) => {
      const items = await usecases.checkBatch(request.requests, callerOf(call));
      return {
        responses: items.map((item) =>
          item.ok
            ? { outcome: { case: "response" as const, value: respond(item.draft) } }
            : { outcome: { case: "error" as const, value: { code: errorCodes[item.error.code].grpc, message: item.error.message } } },
        ),
      };
    },
    checkResult: async (request, call) => checkResultResponse(await usecases.checkResult(resultRequest(request), callerOf(call))),
    reportOutcome: async (request, call) => {
      const eventId = await usecases.reportOutcome(request, callerOf(call));
      usecases.outcomeReported(request.outcome);
      return { eventId };
    },
  });
}

function resultRequest(request: CheckResultRequest): ResultRequest {
  const { agentToken, decisionId, tool, action, context, content } = request;
  const value = content.case === "result" ? { value: toJson(ValueSchema, content.value) } : content.value;
  return { agentToken, decisionId, tool, action, ...(context && { context }), content: value };
}

function callerOf(call: RpcCall): Caller {
  const { metadata, path, deadline } = call;
  const authorization = metadata.get("authorization")[0];
  const proofs = metadata.get("dpop");
  const traceparent = metadata.get("traceparent")[0];
  return {
    authorization: typeof authorization === "string" ? authorizationOf(authorization) : undefined,
    // RFC 9449 §4.3, point 1: of several proofs none is taken.
    proof: proofs.length === 0 ? undefined : proofs.length === 1 ? String(proofs[0]) : "",
    path,
    certificate: () => call.certificate && certificateThumbprint(call.certificate),
    deadline: deadline?.getTime(),
    traceparent: typeof traceparent === "string" && traceContext.test(traceparent) ? traceparent : undefined,
    arrived: performance.now(),
    pep: "grpc",
  };
}
