import { type JsonObject, parseIJson } from "@aegis/canonical/ijson";
import { CheckRequestSchema } from "@aegis/contracts/aegis/authz/v1/authz";
import { AegisError, errorCodes } from "@aegis/contracts/errors";
import type { HttpServer } from "@aegis/http/server";
import { create } from "@bufbuild/protobuf";
import { type AskedCall, decisionContext, obligationsOf, readEvaluation, readEvaluations } from "#domain/authzen.ts";
import type { Draft } from "#domain/draft.ts";
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

/** AuthZEN Authorization API 1.0: evaluation, evaluations and metadata. */
export async function authzenRoutes(server: HttpServer, usecases: GatewayUsecases, options: { readonly pdp: string }): Promise<void> {
  server.get("/.well-known/authzen-configuration", async () => ({
    policy_decision_point: options.pdp,
    access_evaluation_endpoint: `${options.pdp}/access/v1/evaluation`,
    access_evaluations_endpoint: `${options.pdp}/access/v1/evaluations`,
  }));
  await strictly(server, (scope) => {
    scope.post("/access/v1/evaluation", async (request) => {
      const asked = readEvaluation(jsonOf(request));
      return evaluate(usecases, asked, callerOf(request, "authzen"));
    });
    scope.post("/access/v1/evaluations", async (request) => {
      const body = jsonOf(request);
      const { semantic, evaluations } = readEvaluations(body);
      const caller = callerOf(request, "authzen");
      if (evaluations === undefined) return evaluate(usecases, readEvaluation(body), caller);
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
export function checkAsked({ check }: Pick<GatewayUsecases, "check">, asked: AskedCall, caller: Caller): Promise<Draft> {
  const { tool, action, context, overrideToken, dryRun, destination } = asked;
  const args = { case: "arguments" as const, value: asked.arguments as never };
  return check(
    create(CheckRequestSchema, { tool, action, args, context, overrideToken, dryRun, ...(destination && { destination }) }),
    caller,
  );
}

async function evaluate(usecases: GatewayUsecases, asked: AskedCall, caller: Caller): Promise<Evaluation> {
  const agent = await usecases.mayAct.agent(caller);
  if (asked.agent !== agent) {
    const reasons = [{ code: "context_mismatch", message: "the subject is not the agent of the token" }];
    return { decision: false, context: { decision: "deny", reasons } };
  }
  const draft = await checkAsked(usecases, asked, caller);
  const goes = draft.decision === "allow" || draft.decision === "sanitize";
  const obligations = goes ? obligationsOf(draft) : [];
  const context = { ...decisionContext(draft, usecases.statusUrl), ...(obligations.length > 0 && { obligations }) };
  return { decision: goes, context };
}

/** One of a batch: what is wrong with it is its own answer. */
async function evaluateOne(usecases: GatewayUsecases, one: JsonObject, caller: Caller): Promise<Evaluation> {
  try {
    return await evaluate(usecases, readEvaluation(one), caller);
  } catch (error) {
    if (!(error instanceof AegisError) || error.code !== "invalid_argument") throw error;
    return { decision: false, context: { error: { status: errorCodes[error.code].http, message: error.message } } };
  }
}
