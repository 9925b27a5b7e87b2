import { randomUUID } from "node:crypto";
import { Authorization, type CheckRequest, type CheckResponseSchema } from "@aegis/contracts/envoy/service/auth/v3/external_auth";
import { errorCodes } from "@aegis/contracts/errors";
import type { RpcServer } from "@aegis/rpc/server";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { decisionHeaders, refusalOfUnusable } from "#domain/gateway-answer.ts";
import type { ObservedRequest } from "#domain/observed-request.ts";
import { setHeaders } from "./envoy-headers.ts";
import { type GatewayUsecases, type Judged, judgeRequest, ourHeaders, routeOf } from "./gateway.ts";

type CheckResponse = MessageInitShape<typeof CheckResponseSchema>;

/** Serves `envoy.service.auth.v3.Authorization`. What cannot be decided is a gRPC error, which a gateway must take for a refusal. */
export function serveExtAuthz(server: RpcServer, usecases: GatewayUsecases): void {
  server.serve(Authorization, {
    check: async ({ attributes }) => {
      const request = observed(attributes);
      if (typeof request === "string") return denied({ kind: "refused", refusal: refusalOfUnusable({ status: 400, message: request }) });
      const settings = attributes?.contextExtensions ?? {};
      const setting = (name: string) => (Object.hasOwn(settings, name) ? settings[name] : undefined);
      const rewritten = setting("aegis-ext-proc") === "true";
      const obligations = (setting("aegis-obligations") ?? "").split(",").filter(Boolean);
      // Only the filter behind this one learns of it; whoever knows it needs the same agent's token and the same call besides.
      const requestId = rewritten ? `ext_authz:${randomUUID()}` : undefined;
      const can = { sanitize: rewritten, obligations };
      const judged = await judgeRequest(usecases, request, { pep: "ext_authz", route: routeOf(setting), can, requestId });
      return judged.kind === "refused" ? denied(judged) : passed(judged, request, requestId);
    },
  });
}

function denied({ refusal, draft }: Judged & { kind: "refused" }): CheckResponse {
  return {
    status: { code: refusal.status === 401 ? errorCodes.unauthenticated.grpc : errorCodes.permission_denied.grpc },
    httpResponse: {
      case: "deniedResponse",
      value: { status: { code: refusal.status }, headers: setHeaders(refusal.headers), body: refusal.body },
    },
    ...(draft && { dynamicMetadata: { decision: draft.decision, decision_id: draft.id, action_digest: draft.actionDigest } }),
  };
}

function passed(judged: Exclude<Judged, { kind: "refused" }>, request: ObservedRequest, requestId: string | undefined): CheckResponse {
  const headers = judged.kind === "goes" ? decisionHeaders(judged.draft) : {};
  // The filter behind this one still reads what the agent said of its call, and takes it away itself.
  const removed = requestId === undefined ? ourHeaders(request).filter((name) => !Object.hasOwn(headers, name)) : [];
  return {
    status: { code: 0 },
    httpResponse: { case: "okResponse", value: { headers: setHeaders(headers), headersToRemove: removed } },
    ...(judged.kind === "goes" && {
      dynamicMetadata: {
        ...{ decision: judged.draft.decision, decision_id: judged.draft.id, action_digest: judged.draft.actionDigest },
        ...(judged.draft.policy && { snapshot_digest: judged.draft.policy.snapshot.digest }),
        ...(judged.draft.verdict?.ruleDigest !== undefined && { rule_digest: judged.draft.verdict.ruleDigest }),
        ...(requestId !== undefined && { request_id: requestId }),
      },
    }),
  };
}

/** The request as Envoy shows it, or why it cannot be judged. */
function observed(attributes: CheckRequest["attributes"]): ObservedRequest | string {
  const http = attributes?.request?.http;
  if (http === undefined) return "the gateway shows no HTTP request";
  // Bytes that are no UTF-8 were replaced on the way: what is left is not what the upstream gets.
  if (http.body.includes("\ufffd")) return "the body is not UTF-8, or the gateway sends it as text: set pack_as_bytes";
  const { method, scheme, host, path } = http;
  const body = http.rawBody.length > 0 ? http.rawBody : Buffer.from(http.body);
  return { ...{ method, scheme, host, path, body }, headers: headersOf(http) };
}

function headersOf({ headers, headerMap }: NonNullable<NonNullable<NonNullable<CheckRequest["attributes"]>["request"]>["http"]>) {
  const names = new Map<string, string>();
  const add = (name: string, value: string) => {
    const known = names.get(name.toLowerCase());
    names.set(name.toLowerCase(), known === undefined ? value : `${known},${value}`);
  };
  for (const [name, value] of Object.entries(headers)) add(name, value);
  for (const { key, value, rawValue } of headerMap?.headers ?? []) add(key, rawValue.length > 0 ? Buffer.from(rawValue).toString() : value);
  return names;
}
