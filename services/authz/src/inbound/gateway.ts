import { CheckRequestSchema } from "@aegis/contracts/aegis/authz/v1/authz";
import { AegisError } from "@aegis/contracts/errors";
import { toolPattern } from "@aegis/contracts/name-patterns";
import { forwardedThumbprint } from "@aegis/identity/certificate";
import { create } from "@bufbuild/protobuf";
import type { Capabilities } from "#domain/capabilities.ts";
import type { Draft } from "#domain/draft.ts";
import { type GatewayRefusal, refusalOf, refusalOfAgent, refusalOfUnusable } from "#domain/gateway-answer.ts";
import { mcpCall } from "#domain/mcp-call.ts";
import {
  destinationOf,
  type HttpCall,
  httpCall,
  type ObservedRequest,
  type Route,
  refuseForm,
  Unusable,
} from "#domain/observed-request.ts";
import type { Check } from "#usecases/check.ts";
import type { CheckResult } from "#usecases/check-result.ts";
import type { MayAct } from "#usecases/may-act.ts";
import type { Approvals } from "#usecases/ports.ts";
import type { Caller } from "#usecases/work.ts";
import { authorizationOf, traceContext } from "./presented.ts";

export interface GatewayUsecases {
  readonly check: Check;
  readonly checkResult: CheckResult;
  readonly mayAct: MayAct;
  readonly statusUrl: Approvals["statusUrl"];
  /** Whether `x-forwarded-client-cert` is believed to name the agent's certificate; not unless said so. */
  readonly forwardedCertificates?: boolean | undefined;
}

/** What becomes of a request that a gateway holds back. */
export type Judged =
  | { readonly kind: "refused"; readonly refusal: GatewayRefusal; readonly draft?: Draft }
  | { readonly kind: "talk"; readonly lists: boolean }
  | { readonly kind: "goes"; readonly draft: Draft; readonly call: HttpCall };

export interface JudgeOptions {
  readonly pep: "ext_authz" | "ext_proc";
  readonly route: Route | undefined;
  readonly can: Capabilities;
  /** Ties the questions of two filters about one request together. */
  readonly requestId?: string | undefined;
}

/** The caller that an HTTP request speaks for. */
export function callerOfRequest(
  { forwardedCertificates }: Pick<GatewayUsecases, "forwardedCertificates">,
  { headers, path }: ObservedRequest,
  pep: Caller["pep"],
  can: Capabilities,
): Caller {
  const traceparent = headers.get("traceparent");
  return {
    authorization: authorizationOf(headers.get("authorization") ?? ""),
    path: path.split("?", 1)[0] ?? "",
    traceparent: traceparent !== undefined && traceContext.test(traceparent) ? traceparent : undefined,
    arrived: performance.now(),
    // The connection is the gateway's, and so is its certificate.
    certificate: forwardedCertificates === true ? () => forwardedThumbprint(headers.get("x-forwarded-client-cert") ?? "") : undefined,
    ...{ pep, can },
  };
}

/** What the operator set on the route; undefined when it names no tool. */
export function routeOf(settings: (name: string) => string | undefined): Route | undefined {
  const [tool, action] = [settings("aegis-tool"), settings("aegis-action")];
  return tool === undefined || !toolPattern.test(tool) ? undefined : { tool, ...(action !== undefined && action !== "" && { action }) };
}

/** Judges one request that a gateway holds back. @throws AegisError when nothing can be said: the gateway must then refuse. */
export async function judgeRequest(usecases: GatewayUsecases, request: ObservedRequest, options: JudgeOptions): Promise<Judged> {
  const { route } = options;
  const read =
    route === undefined
      ? new Unusable("the gateway's route names no tool (aegis-tool)")
      : (refuseForm(request) ?? readRequest(request, route));
  return judgeRead(usecases, request, read, { ...options, mcp: route?.action === undefined, destination: destinationOf(request) });
}

type Read = ReturnType<typeof mcpCall>;

/** What a request asks for. */
export const readRequest = (request: ObservedRequest, { tool, action }: Route): Read =>
  action === undefined ? mcpCall(request, tool) : httpCall(request, { tool, action });

interface JudgeReadOptions extends Omit<JudgeOptions, "pep" | "route"> {
  readonly pep: Caller["pep"];
  /** The request was an MCP message. */
  readonly mcp?: boolean;
  readonly destination: { readonly url: string; readonly method: string } | undefined;
}

/** Judges what was read of a request. @throws AegisError when nothing can be said: the gateway must then refuse. */
export async function judgeRead(
  usecases: GatewayUsecases,
  request: ObservedRequest,
  read: Read,
  { pep, can, mcp, ...options }: JudgeReadOptions,
): Promise<Judged> {
  const caller = callerOfRequest(usecases, request, pep, can);
  try {
    if (read instanceof Unusable) return refused(read);
    if (read.kind === "talk") {
      const refusal = await usecases.mayAct.refusal(caller);
      return refusal ? { kind: "refused", refusal: refusalOfAgent(refusal) } : read;
    }
    const draft = await usecases.check(checkRequest(request, read, options), mcp || pep === "ext_mcp" ? { ...caller, mcp: true } : caller);
    const refusal = refusalOf(draft, usecases.statusUrl);
    return refusal ? { kind: "refused", refusal, draft } : { kind: "goes", draft, call: read };
  } catch (error) {
    return refused(unusableOf(error));
  }
}

const refused = (fault: Parameters<typeof refusalOfUnusable>[0]): Judged => ({ kind: "refused", refusal: refusalOfUnusable(fault) });

/** What is wrong with the request itself. @throws whatever is wrong with us. */
export function unusableOf(error: unknown): Parameters<typeof refusalOfUnusable>[0] {
  if (!(error instanceof AegisError)) throw error;
  const { code, message } = error;
  if (code === "unauthenticated") return { status: 401, message };
  if (code === "invalid_argument") return { status: 400, message };
  throw error;
}

function checkRequest(
  request: ObservedRequest,
  call: HttpCall,
  { requestId, destination }: Pick<JudgeReadOptions, "requestId" | "destination">,
) {
  const header = (name: string) => request.headers.get(`x-aegis-${name}`) ?? "";
  return create(CheckRequestSchema, {
    ...{ tool: call.tool, action: call.action, args: { case: "arguments", value: call.arguments as never } },
    ...(destination && { destination }),
    context: {
      ...{ sessionId: header("session-id"), promptId: header("prompt-id") },
      ...{ purpose: header("purpose"), fingerprint: header("fingerprint") },
    },
    overrideToken: header("override"),
    requestId: requestId ?? "",
  });
}

/** Names of the headers that speak for us, as the request came with them. */
export const ourHeaders = (request: ObservedRequest): string[] => [...request.headers.keys()].filter((name) => name.startsWith("x-aegis-"));
