import {
  ExternalProcessor,
  type HttpHeaders,
  type ProcessingRequest,
  type ProcessingResponseSchema,
} from "@aegis/contracts/envoy/service/ext_proc/v3/external_processor";
import { AegisError } from "@aegis/contracts/errors";
import type { RpcCall, RpcServer } from "@aegis/rpc/server";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { decisionHeaders, type GatewayRefusal } from "#domain/gateway-answer.ts";
import type { ObservedRequest } from "#domain/observed-request.ts";
import { setRawHeaders } from "./envoy-headers.ts";
import { type GatewayUsecases, type Judged, judgeRequest, ourHeaders, routeOf } from "./gateway.ts";
import { judgeAnswer } from "./gateway-result.ts";
import { refuseProcessing } from "./processing-mode.ts";

type Response = MessageInitShape<typeof ProcessingResponseSchema>;

/** What is known of one HTTP exchange. */
interface Exchange {
  readonly setting: (name: string) => string | undefined;
  /** From the filter that asked before, if one did. */
  requestId?: string | undefined;
  request?: ObservedRequest;
  judged?: Judged;
  answered?: ReadonlyMap<string, string>;
}

/**
 * Serves `envoy.service.ext_proc.v3.ExternalProcessor`: one stream is one HTTP exchange. The request is held until its body is there and
 * judged; the answer until its body is. What cannot be decided ends the stream with an error, which a gateway must take for a refusal.
 */
export function serveExtProc(server: RpcServer, usecases: GatewayUsecases): void {
  server.serve(ExternalProcessor, {
    async *process(messages, call) {
      const exchange: Exchange = { setting: settingsOf(call) };
      for await (const message of messages) {
        const response = await answer(usecases, exchange, message);
        yield response;
        if (response.response?.case === "immediateResponse") return;
      }
    },
  });
}

/** The operator's settings come as the stream's metadata: no client of the gateway can reach them. */
const settingsOf =
  ({ metadata }: RpcCall) =>
  (name: string) => {
    const values = metadata.get(name);
    return values.length === 1 ? String(values[0]) : undefined;
  };

async function answer(usecases: GatewayUsecases, exchange: Exchange, message: ProcessingRequest): Promise<Response> {
  const { request } = message;
  switch (request.case) {
    case "requestHeaders": {
      const why = refuseProcessing(message);
      if (why !== undefined) throw new AegisError("precondition_failed", why);
      exchange.request = observed(request.value);
      exchange.requestId = requestIdOf(message);
      return request.value.endOfStream ? judged(usecases, exchange, "requestHeaders") : { response: { case: "requestHeaders", value: {} } };
    }
    case "requestBody": {
      if (exchange.request === undefined || exchange.judged !== undefined || !request.value.endOfStream) throw outOfOrder();
      exchange.request = { ...exchange.request, body: request.value.body };
      return judged(usecases, exchange, "requestBody");
    }
    case "responseHeaders":
      exchange.answered = headersOf(request.value);
      if (exchange.judged === undefined) return ownAnswer(message, exchange);
      if (exchange.judged.kind === "refused") throw outOfOrder();
      return { response: { case: "responseHeaders", value: { response: { headerMutation: told(exchange.judged) } } } };
    case "responseBody":
      if (!request.value.endOfStream) throw outOfOrder();
      if (exchange.answered !== undefined && exchange.judged === undefined) return { response: { case: "responseBody", value: {} } };
      return result(usecases, exchange, request.value.body);
    case "requestTrailers":
    case "responseTrailers":
      return { response: { case: request.case, value: {} } };
    default:
      throw outOfOrder();
  }
}

/**
 * What Envoy or a filter in front answers itself, such as a refusal, comes by here as well. A request that was not judged must not have
 * been sent; where it was after all, nobody sees the answer.
 */
function ownAnswer(message: ProcessingRequest, exchange: Exchange): Response {
  const why = refuseProcessing(message);
  if (why !== undefined || exchange.request !== undefined || Number(exchange.answered?.get(":status")) < 400) throw outOfOrder();
  return { response: { case: "responseHeaders", value: {} } };
}

const outOfOrder = () => new AegisError("precondition_failed", "this part of the exchange cannot be judged: bodies must be BUFFERED");

async function judged(usecases: GatewayUsecases, exchange: Exchange, phase: "requestHeaders" | "requestBody"): Promise<Response> {
  const { request, requestId, setting } = exchange;
  if (request === undefined) throw outOfOrder();
  const obligations = (setting("aegis-obligations") ?? "").split(",").filter(Boolean);
  const can = { sanitize: true, obligations };
  const outcome = await judgeRequest(usecases, request, { pep: "ext_proc", route: routeOf(setting), can, requestId });
  exchange.judged = outcome;
  if (outcome.kind === "refused") return immediate(outcome.refusal);
  const decided = outcome.kind === "goes" ? decisionHeaders(outcome.draft) : {};
  const sanitized = outcome.kind === "goes" ? outcome.draft.sanitized : undefined;
  const rewritten = outcome.kind === "goes" && sanitized ? outcome.call.rewrite(sanitized.arguments) : {};
  const removed = ourHeaders(request).filter((name) => !Object.hasOwn(decided, name));
  const set = { ...decided, ...lengthOf(rewritten.body), ...(rewritten.path !== undefined && { ":path": rewritten.path }) };
  return {
    response: {
      case: phase,
      value: {
        response: {
          // A compressed answer could not be judged.
          headerMutation: { setHeaders: setRawHeaders(set), removeHeaders: [...removed, "accept-encoding"] },
          ...(rewritten.body && { bodyMutation: { mutation: { case: "body" as const, value: rewritten.body } } }),
        },
      },
    },
    ...(outcome.kind === "goes" && {
      dynamicMetadata: { decision: outcome.draft.decision, decision_id: outcome.draft.id, action_digest: outcome.draft.actionDigest },
    }),
  };
}

/** The agent learns which decision its answer belongs to. */
const told = (judged: Judged) => ({
  setHeaders: judged.kind === "goes" ? setRawHeaders({ "x-aegis-decision-id": judged.draft.id }) : [],
});

async function result(usecases: GatewayUsecases, exchange: Exchange, body: Uint8Array): Promise<Response> {
  const { judged, request, answered, setting } = exchange;
  if (judged === undefined || judged.kind === "refused" || request === undefined || answered === undefined) throw outOfOrder();
  const outcome = await judgeAnswer(usecases, { judged, request, answered, body, route: routeOf(setting) });
  if (outcome.kind === "refused") return immediate(outcome.refusal);
  const { changed } = outcome;
  const mutation = changed && {
    headerMutation: { setHeaders: setRawHeaders(lengthOf(changed)) },
    bodyMutation: { mutation: { case: "body" as const, value: changed } },
  };
  return { response: { case: "responseBody", value: { response: mutation ?? {} } } };
}

/** Envoy refuses a changed body whose length is still said to be the old one. */
const lengthOf = (body: Uint8Array | undefined): Record<string, string> =>
  body === undefined ? {} : { "content-length": String(body.length) };

function immediate({ status, headers, body }: GatewayRefusal): Response {
  const value = { status: { code: status }, headers: { setHeaders: setRawHeaders(headers) }, body: Buffer.from(body) };
  return { response: { case: "immediateResponse", value } };
}

/** What the authorization filter in front of this one said; Envoy alone writes that namespace. */
function requestIdOf({ metadataContext }: ProcessingRequest): string | undefined {
  const said = metadataContext?.filterMetadata["envoy.filters.http.ext_authz"]?.request_id;
  return typeof said === "string" && said.startsWith("ext_authz:") ? said : undefined;
}

function observed(headers: HttpHeaders): ObservedRequest {
  const names = headersOf(headers);
  const pseudo = (name: string) => names.get(`:${name}`) ?? "";
  return {
    ...{ method: pseudo("method"), scheme: pseudo("scheme"), host: pseudo("authority"), path: pseudo("path") },
    ...{ headers: names, body: new Uint8Array() },
  };
}

function headersOf({ headers }: HttpHeaders): Map<string, string> {
  const names = new Map<string, string>();
  for (const { key, value, rawValue } of headers?.headers ?? []) {
    const text = rawValue.length > 0 ? Buffer.from(rawValue).toString() : value;
    const known = names.get(key.toLowerCase());
    names.set(key.toLowerCase(), known === undefined ? text : `${known},${text}`);
  }
  return names;
}
