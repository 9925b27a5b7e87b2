import { AegisError } from "@aegis/contracts/errors";
import { agentName, tenantName } from "@aegis/contracts/names";
import type { OperatorAuth } from "@aegis/http/operator";
import type { HttpServer } from "@aegis/http/server";
import { clientId } from "@aegis/identity/assertion";
import { publicJwk } from "@aegis/identity/keys";
import { formatScope, maxScopeItems, parseScope } from "@aegis/identity/scope";
import type { FastifyReply } from "fastify";
import { z } from "zod";
import { agentKinds, riskTiers } from "#domain/agent.ts";
import type { Ports } from "#usecases/ports.ts";
import { issueRegistrationToken, registerByToken } from "#usecases/register-dynamically.ts";

const text = (longest: number) =>
  z
    .string()
    .max(longest)
    .regex(/^[^\0]*$/);

const ceilings = z.strictObject({
  tenant: tenantName,
  /** Who answers for the agents that register. */
  owner: text(254).min(1),
  scope: z.array(z.string().max(600)).min(1).max(maxScopeItems),
  mayAct: z.array(agentName).max(256).default([]),
  risk: z.enum(riskTiers).default("low"),
  /** False: agents wait for an operator's `:activate`. */
  active: z.boolean().default(false),
  uses: z.int().min(1).max(1_000).default(1),
  expiresInSeconds: z.int().min(60).max(2_592_000).default(3_600),
});

// RFC 7591 §2; unknown members are ignored.
const metadata = z.object({
  /** The agent's name in its tenant. */
  client_name: agentName,
  jwks: z.object({ keys: z.array(z.record(z.string(), z.unknown())).length(1) }),
  scope: z.string().max(65_536).optional(),
  token_endpoint_auth_method: z.literal("private_key_jwt").default("private_key_jwt"),
  grant_types: z.array(z.string()).optional(),
  may_act: z.array(agentName).max(256).default([]),
  purpose: text(1_000).default(""),
  kind: z.enum(agentKinds).default("agentic"),
});

const refused = (reply: FastifyReply, status: number, error: string, why: string) =>
  reply.status(status).header("cache-control", "no-store").send({ error, error_description: why });

/** Dynamic registration (RFC 7591): an operator issues an initial access token, whoever holds it registers an agent within it. */
export function registrationRoutes(server: HttpServer, ports: Ports, operators: OperatorAuth): void {
  server.post("/v1/registration-tokens", { schema: { body: ceilings } }, async ({ body, headers }, reply) => {
    const operator = await operators.authenticate(headers.authorization);
    operator.require(body.tenant, "admin");
    const { uses, expiresInSeconds, ...grant } = body;
    const expiresAt = ports.clock.now().getTime() + expiresInSeconds * 1_000;
    const { token, text: shown } = await issueRegistrationToken(ports, { ...grant, usesLeft: uses, expiresAt }, operator.user);
    return reply
      .status(201)
      .header("cache-control", "no-store")
      .send({ id: token.id, tenant: token.tenant, initial_access_token: shown, uses, expiresAt: new Date(expiresAt).toISOString() });
  });

  server.post("/oauth/register", { schema: { tags: ["oauth"] } }, async ({ body, headers }, reply) => {
    const bearer = /^Bearer (\S{1,200})$/i.exec(headers.authorization ?? "")?.[1];
    if (bearer === undefined) return refused(reply, 401, "invalid_token", "an initial access token is needed");
    const read = metadata.safeParse(body);
    const key = publicJwk.safeParse(read.data?.jwks.keys[0]);
    if (!read.success || !key.success) {
      const at = read.success ? "jwks" : read.error.issues[0]?.path.join(".");
      return refused(reply, 400, "invalid_client_metadata", `${at} is not usable`);
    }
    const { client_name: agent, scope, purpose, kind, may_act: mayAct } = read.data;
    try {
      const wanted = { agent, purpose, kind, mayAct, scope: parseScope(scope ?? ""), publicJwk: key.data };
      const made = await registerByToken(ports, bearer, wanted);
      return reply
        .status(201)
        .header("cache-control", "no-store")
        .send({
          client_id: clientId(made),
          client_id_issued_at: Math.floor(made.createdAt / 1_000),
          client_name: agent,
          token_endpoint_auth_method: "private_key_jwt",
          grant_types: ["client_credentials", "urn:ietf:params:oauth:grant-type:token-exchange"],
          scope: formatScope(made.scope),
          jwks: { keys: [made.publicJwk] },
          state: made.state,
        });
    } catch (error) {
      const known = AegisError.from(error);
      if (known.code === "unauthenticated") return refused(reply, 401, "invalid_token", known.message);
      const mistaken = ["permission_denied", "already_exists", "invalid_argument", "precondition_failed"].includes(known.code);
      if (mistaken) return refused(reply, 400, "invalid_client_metadata", known.message);
      throw error;
    }
  });
}
