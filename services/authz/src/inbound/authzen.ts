import { type JsonObject, parseIJson } from "@aegis/canonical/ijson";
import { CheckRequestSchema } from "@aegis/contracts/aegis/authz/v1/authz";
import { AegisError, errorCodes } from "@aegis/contracts/errors";
import type { HttpServer } from "@aegis/http/server";
import { create } from "@bufbuild/protobuf";
import { requestableContext } from "#domain/access-request.ts";
import {
  type AskedCall,
  decisionContext,
  obligationsOf,
  readEvaluation,
  readEvaluations,
  refuseNames,
  type Said,
  subjectOf,
  withProperties,
} from "#domain/authzen.ts";
import type { Draft } from "#domain/draft.ts";
import { overrideOfApproval } from "#domain/override.ts";
import type { Caller } from "#usecases/work.ts";
import type { GatewayUsecases } from "./gateway.ts";
import { authorizationOf, traceContext } from "./presented.ts";

interface Received {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: unknown;
  readonly url: string;
}

interface Evaluation {
  readonly decision: boolean;
  readonly context: Readonly<Record<string, unknown>>;
}

/** What an evaluation needs beside the question. */
interface Evaluating extends GatewayUsecases {
  /** Where access is requested. */
  readonly endpoint: string;
}

/** AuthZEN Authorization API 1.0: evaluation, evaluations and metadata. There is no search, and the metadata names none. */
export async function authzenRoutes(
  server: HttpServer,
  given: GatewayUsecases,
  { pdp, endpoint }: { readonly pdp: string; readonly endpoint: string },
): Promise<void> {
  const usecases = { ...given, endpoint };
  server.get("/.well-known/authzen-configuration", async () => ({
    policy_decision_point: pdp,
    access_evaluation_endpoint: `${pdp}/access/v1/evaluation`,
    access_evaluations_endpoint: `${pdp}/access/v1/evaluations`,
    access_request_endpoint: endpoint,
    capabilities: ["urn:openid:authzen:capability:access-request"],
    supported_obligations: ["custom"],
  }));
  await strictly(server, (scope) => {
    scope.post("/access/v1/evaluation", async (request) => {
      return evaluate(usecases, jsonOf(request), callerOf(request, "authzen"));
    });
    scope.post("/access/v1/evaluations", async (request) => {
      const body = jsonOf(request);
      const { semantic, evaluations } = readEvaluations(body);
      const caller = callerOf(request, "authzen");
      if (evaluations === undefined) return evaluate(usecases, body, caller);
      const answers: Evaluation[] = [];
      for (const one of evaluations) {
        const answer = await evaluateOne(usecases, one, caller);
        answers.push(answer);
        if (semantic === (answer.decision ? "permit_on_first_permit" : "deny_on_first_deny")) break;
      }
      return { evaluations: answers };
    });
  });
}

/** Routes whose JSON is read strictly, and whose answers say which request they are to. */
export async function strictly(server: HttpServer, routes: (scope: HttpServer) => void): Promise<void> {
  await server.register(async (plain) => {
    const scope = plain as unknown as HttpServer;
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("application/json", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
    scope.addHook("onRequest", async (request, reply) => {
      const id = request.headers["x-request-id"];
      if (typeof id === "string" && /^[\x21-\x7e]{1,256}$/.test(id)) void reply.header("x-request-id", id);
    });
    routes(scope);
  });
}

/** The body, as I-JSON. @throws AegisError `invalid_argument`. */
export function jsonOf({ body }: Received): JsonObject {
  if (!(body instanceof Uint8Array)) throw new AegisError("invalid_argument", "the body must be application/json");
  // Arguments are held to their own limits later; the envelope adds a few levels.
  return parseIJson(body, { maxBytes: 2 * 1024 * 1024, maxDepth: 40 });
}

/** Who asks over HTTP: always by a token in `authorization`. */
export function callerOf({ headers, url }: Received, pep: Caller["pep"]): Caller {
  const { authorization, traceparent } = headers;
  return {
    authorization: typeof authorization === "string" ? authorizationOf(authorization) : undefined,
    path: url.split("?", 1)[0] ?? "",
    traceparent: typeof traceparent === "string" && traceContext.test(traceparent) ? traceparent : undefined,
    arrived: performance.now(),
    pep,
  };
}

/** Asks about a call that another protocol describes. */
export const checkAsked = ({ check }: Pick<GatewayUsecases, "check">, asked: AskedCall, caller: Caller): Promise<Draft> =>
  check(checkRequestOf(asked), caller);

/** A call that another protocol describes, as our own request. */
export function checkRequestOf(asked: AskedCall) {
  const { tool, action, context, overrideToken, dryRun, destination } = asked;
  const args = { case: "arguments" as const, value: asked.arguments as never };
  return create(CheckRequestSchema, { tool, action, args, context, overrideToken, dryRun, ...(destination && { destination }) });
}

/**
 * Whoever asks, speaking for the subject that is named: the token's own agent or user, or a user that an enforcement point may name.
 * Undefined when it is neither.
 */
export async function speakerOf({ mayAct }: Pick<GatewayUsecases, "mayAct">, said: Said, caller: Caller): Promise<Caller | undefined> {
  const { principal, asserts } = await mayAct.who(caller);
  const user = `user:${said.id}`;
  if (said.id === principal.agent || (said.type === "user" && user === principal.subject)) return caller;
  return asserts && said.type === "user" && /^[\x21-\x7e]{1,250}$/.test(said.id) ? { ...caller, subject: user } : undefined;
}

/** A question with what is said of its subject, where who asks is believed that. */
export const asSaid = (asked: AskedCall, said: Said, { subject }: Caller): AskedCall =>
  subject === undefined ? asked : { ...asked, arguments: withProperties(asked.arguments, "subject", said.properties) };

async function evaluate(usecases: Evaluating, question: JsonObject, caller: Caller): Promise<Evaluation> {
  const [said, read] = [subjectOf(question), readEvaluation(question)];
  const speaker = await speakerOf(usecases, said, caller);
  if (speaker === undefined) {
    const reasons = [{ code: "context_mismatch", message: "the subject is not the agent of the token" }];
    return { decision: false, context: { decision: "deny", reasons } };
  }
  const unknown = refuseNames(read);
  if (unknown !== undefined) return { decision: false, context: { decision: "deny", reasons: [unknown] } };
  const asked = asSaid(read, said, speaker);
  const { draft, refused } = await decided(usecases, asked, speaker);
  const goes = draft.decision === "allow" || draft.decision === "sanitize";
  const obligations = goes ? obligationsOf(draft) : [];
  const presented = asked.approvalId !== undefined;
  const { overrideOf, approvedUntil } = draft;
  const context = {
    ...decisionContext(draft, usecases.statusUrl),
    ...(!goes && requestableContext(draft, { endpoint: usecases.endpoint, presented, refused, at: new Date().toISOString() })),
    ...(overrideOf !== undefined && approvedUntil !== undefined && { approval: { id: overrideOf, approved_until: approvedUntil } }),
    ...(obligations.length > 0 && { obligations }),
  };
  return { decision: goes, context };
}

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Asks with the approval that is presented; where that does not count, as if it had not been. */
async function decided(usecases: Evaluating, asked: AskedCall, caller: Caller): Promise<{ draft: Draft; refused?: string | undefined }> {
  const { approvalId } = asked;
  if (approvalId === undefined) return { draft: await checkAsked(usecases, asked, caller) };
  if (!uuid.test(approvalId)) return { draft: await checkAsked(usecases, asked, caller), refused: "approval_unverifiable" };
  const draft = await checkAsked(usecases, { ...asked, overrideToken: overrideOfApproval(approvalId) }, caller);
  const { approvalRefused: refused } = draft;
  return refused === undefined ? { draft } : { draft: await checkAsked(usecases, asked, caller), refused };
}

/** One of a batch: what is wrong with it is its own answer. */
async function evaluateOne(usecases: Evaluating, one: JsonObject, caller: Caller): Promise<Evaluation> {
  try {
    return await evaluate(usecases, one, caller);
  } catch (error) {
    if (!(error instanceof AegisError) || error.code !== "invalid_argument") throw error;
    return { decision: false, context: { error: { status: errorCodes[error.code].http, message: error.message } } };
  }
}
