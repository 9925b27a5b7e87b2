import { AegisError, errorCodes } from "@aegis/contracts/errors";
import { tenantName } from "@aegis/contracts/names";
import { certificateOf } from "@aegis/http/mutual-tls";
import type { OperatorAuth } from "@aegis/http/operator";
import type { HttpServer } from "@aegis/http/server";
import type { FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import type { OAuthErrorCode, OAuthRefusal } from "#domain/oauth-refusal.ts";
import { authenticateClient } from "#usecases/authenticate-client.ts";
import { introspectToken } from "#usecases/introspect-token.ts";
import { typeOf } from "#usecases/issue-token.ts";
import type { Ports } from "#usecases/ports.ts";
import { provePossession, type Shown } from "#usecases/prove-possession.ts";
import { readToken, revokeToken } from "#usecases/revoke-token.ts";
import { tokenCaller } from "./callers.ts";
import { grantToken, grantToWorkload, tokenForm, workloadOf } from "./grants.ts";

const text = z.string().optional();
const clientForm = { client_id: text, client_assertion_type: text, client_assertion: text };

/** The OAuth endpoints under /oauth. They take forms, and answer errors as RFC 6749 §5.2 has them. */
export function oauthRoutes(server: HttpServer, ports: Ports, operators: OperatorAuth): void {
  const answerRefusal = (reply: FastifyReply, refusal: OAuthRefusal) => {
    ports.signals.refused(refusal.error);
    if (refusal.retryAfterSeconds !== undefined) reply.header("retry-after", refusal.retryAfterSeconds);
    return sendError(reply, refusal.error === "invalid_client" ? 401 : 400, refusal.error, refusal.why);
  };
  const options = { errorHandler: (error: unknown, request: FastifyRequest, reply: FastifyReply) => failed(error, request, reply) };

  server.post("/oauth/token", { ...options, schema: { body: tokenForm, tags: ["oauth"] } }, async ({ body, headers, raw }, reply) => {
    const proof = headers.dpop === undefined ? undefined : String(headers.dpop);
    // RFC 9449 §8.2: the next proof's nonce goes along with every answer to a proof.
    if (proof !== undefined) reply.header("dpop-nonce", ports.nonces.current(ports.clock.now()));
    const result = await answerTokenRequest(ports, body, { proof, certificate: certificateOf(raw) });
    if (!result.ok) return answerRefusal(reply, result);
    return uncached(reply).send({
      access_token: result.token,
      ...(body.subject_token === undefined ? {} : { issued_token_type: "urn:ietf:params:oauth:token-type:access_token" }),
      token_type: result.type,
      expires_in: result.expiresInSeconds,
      scope: result.scope,
      ...(result.details === undefined ? {} : { authorization_details: result.details }),
    });
  });

  const introspection = z.object({ ...clientForm, token: z.string(), token_type_hint: text });
  server.post("/oauth/introspect", { ...options, schema: { body: introspection, tags: ["oauth"] } }, async ({ body, headers }, reply) => {
    const caller = await tokenCaller(ports, operators, headers.authorization, body);
    if (!caller.ok) return answerRefusal(reply, caller);
    const claims = await introspectToken(ports, body.token, caller.mayRead);
    return uncached(reply).send(claims === undefined ? { active: false } : { active: true, token_type: typeOf(claims), ...claims });
  });

  const revocation = z.object({ ...clientForm, token: text, token_type_hint: text, tenant: tenantName.optional(), jti: text });
  server.post("/oauth/revoke", { ...options, schema: { body: revocation, tags: ["oauth"] } }, async ({ body, headers }, reply) => {
    const caller = await tokenCaller(ports, operators, headers.authorization, body);
    if (!caller.ok) return answerRefusal(reply, caller);
    const claims = body.token === undefined ? undefined : await readToken(ports, body.token);
    const tenant = claims?.tenant ?? body.tenant;
    const tokenId = claims?.jti ?? body.jti;
    // RFC 7009 §2.2: what is not valid, or not the caller's, needs no revoking.
    const revoked =
      tenant === undefined || tokenId === undefined ? 0 : await revokeToken(ports, { tenant, tokenId }, caller.mayRevoke, caller.by);
    return uncached(reply).send({ revoked });
  });
}

async function answerTokenRequest(ports: Ports, form: z.infer<typeof tokenForm>, shown: Shown) {
  const possession = await provePossession(ports, shown);
  if (!possession.ok) return possession;
  const workload = workloadOf(form);
  if (workload !== undefined) return (await possession.spend()) ?? grantToWorkload(ports, workload, form, possession.cnf);
  const client = await authenticateClient(ports, form);
  if (!client.ok) return client;
  return (await possession.spend()) ?? grantToken(ports, client.agent, form, possession.cnf);
}

/** RFC 6749 §5.1. */
const uncached = (reply: FastifyReply) => reply.header("cache-control", "no-store").header("pragma", "no-cache");

function failed(error: unknown, request: FastifyRequest, reply: FastifyReply) {
  const { validation, statusCode } = error as { validation?: unknown; statusCode?: number };
  if (validation !== undefined || (!(error instanceof AegisError) && statusCode !== undefined && statusCode < 500)) {
    return sendError(reply, 400, "invalid_request", "the request is not usable");
  }
  const known = AegisError.from(error);
  const { http } = errorCodes[known.code];
  if (http < 500) return sendError(reply, 400, "invalid_request", known.message);
  if (known.code === "internal") request.log.error({ err: error }, "request failed");
  return sendError(reply, http, known.code === "internal" ? "server_error" : "temporarily_unavailable", known.message);
}

function sendError(reply: FastifyReply, status: number, error: OAuthErrorCode | "server_error" | "temporarily_unavailable", why: string) {
  // RFC 6749 §5.2: a description holds neither quotes nor backslashes nor control characters.
  const description = why.replaceAll('"', "'").replace(/[^\x20-\x5b\x5d-\x7e]/g, "?");
  return uncached(reply.status(status)).type("application/json").send({ error, error_description: description });
}
