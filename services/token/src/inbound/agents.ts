import { AegisError } from "@aegis/contracts/errors";
import { agentName, namePattern, tenantName } from "@aegis/contracts/names";
import { operatorRoles } from "@aegis/contracts/operator";
import type { OperatorAuth } from "@aegis/http/operator";
import type { HttpServer } from "@aegis/http/server";
import { clientId } from "@aegis/identity/assertion";
import { publicJwk } from "@aegis/identity/keys";
import { maxScopeItems } from "@aegis/identity/scope";
import { z } from "zod";
import { type Agent, agentCommands, agentKinds, agentStates, riskTiers } from "#domain/agent.ts";
import { changeAgent } from "#usecases/change-agent.ts";
import type { Ports } from "#usecases/ports.ts";
import { registerAgent } from "#usecases/register-agent.ts";

// PostgreSQL keeps no NUL in text.
const prose = (longest: number) =>
  z
    .string()
    .max(longest)
    .regex(/^[^\0]*$/);

const registration = z.strictObject({
  tenant: tenantName,
  agent: agentName,
  /** The organisation the tenant belongs to; the tenant itself when left out. */
  org: z.string().regex(namePattern).optional(),
  owner: prose(254).min(1),
  purpose: prose(1_000).default(""),
  kind: z.enum(agentKinds).default("agentic"),
  risk: z.enum(riskTiers).default("low"),
  /** The ceiling: items `tool:action` or `tool:*`. */
  scope: z.array(z.string().max(600)).max(maxScopeItems),
  /** The agents on whose tokens this one may act. */
  mayAct: z.array(agentName).max(256).default([]),
  publicJwk: z.record(z.string(), z.unknown()),
});

const agentView = z.object({
  tenant: z.string(),
  agent: z.string(),
  clientId: z.string(),
  org: z.string(),
  owner: z.string(),
  purpose: z.string(),
  kind: z.enum(agentKinds),
  risk: z.enum(riskTiers),
  scope: z.array(z.string()),
  mayAct: z.array(z.string()),
  publicJwk: z.record(z.string(), z.unknown()),
  state: z.enum(agentStates),
  stateSince: z.iso.datetime(),
  createdAt: z.iso.datetime(),
  createdBy: z.string(),
});

const ofTenant = z.object({ tenant: tenantName });

/** The registry of agents under /v1/agents. Registering needs the role admin; stopping and resuming, admin or soc; reading, any. */
export function agentRoutes(server: HttpServer, ports: Ports, operators: OperatorAuth): void {
  server.post("/v1/agents", { schema: { body: registration, response: { 201: agentView } } }, async ({ body, headers }, reply) => {
    const operator = await operators.authenticate(headers.authorization);
    operator.require(body.tenant, "admin");
    const key = publicJwk.safeParse(body.publicJwk);
    if (!key.success) throw new AegisError("invalid_argument", "publicJwk is not a public Ed25519 or P-256 key");
    const agent = await registerAgent(ports, { ...body, publicJwk: key.data }, operator.user);
    return reply.status(201).header("location", `/v1/agents/${agent.agent}?tenant=${agent.tenant}`).send(viewOf(agent));
  });

  server.get(
    "/v1/agents",
    {
      schema: {
        querystring: ofTenant.extend({
          limit: z.coerce.number().int().min(1).max(500).default(100),
          /** `next` of the page before. */
          cursor: agentName.optional(),
        }),
        response: { 200: z.object({ agents: z.array(agentView), next: z.string().optional() }) },
      },
    },
    async ({ query: { tenant, limit, cursor }, headers }) => {
      (await operators.authenticate(headers.authorization)).require(tenant, ...operatorRoles);
      const page = await ports.agents.list(tenant, cursor, limit);
      const last = page.length === limit ? page.at(-1) : undefined;
      return { agents: page.map(viewOf), ...(last === undefined ? {} : { next: last.agent }) };
    },
  );

  server.get(
    "/v1/agents/:agent",
    { schema: { params: z.object({ agent: agentName }), querystring: ofTenant, response: { 200: agentView } } },
    async ({ params, query: { tenant }, headers }) => {
      (await operators.authenticate(headers.authorization)).require(tenant, ...operatorRoles);
      const agent = await ports.agents.find(tenant, params.agent);
      if (agent === undefined) throw new AegisError("not_found", `${tenant} has no agent ${params.agent}`);
      return viewOf(agent);
    },
  );

  server.post(
    "/v1/agents/:agentAndCommand",
    {
      schema: {
        params: z.object({
          /** `<agent>:suspend`, `<agent>:resume` or `<agent>:revoke`. */
          agentAndCommand: z.templateLiteral([agentName, ":", z.enum(agentCommands)]),
        }),
        querystring: ofTenant.partial(),
        body: ofTenant.partial().nullish(),
        response: { 200: agentView },
      },
    },
    async ({ params: { agentAndCommand }, query, body, headers }) => {
      const operator = await operators.authenticate(headers.authorization);
      const tenant = body?.tenant ?? query.tenant;
      if (tenant === undefined || (query.tenant ?? tenant) !== tenant) throw new AegisError("invalid_argument", "one tenant must be named");
      operator.require(tenant, "admin", "soc");
      const [agent = "", command] = agentAndCommand.split(":");
      return viewOf(await changeAgent(ports, { tenant, agent }, z.enum(agentCommands).parse(command), operator.user));
    },
  );
}

const viewOf = (agent: Agent): z.infer<typeof agentView> => ({
  tenant: agent.tenant,
  agent: agent.agent,
  clientId: clientId(agent),
  org: agent.org,
  owner: agent.owner,
  purpose: agent.purpose,
  kind: agent.kind,
  risk: agent.risk,
  scope: [...agent.scope],
  mayAct: [...agent.mayAct],
  publicJwk: { ...agent.publicJwk },
  state: agent.state,
  stateSince: new Date(agent.stateSince).toISOString(),
  createdAt: new Date(agent.createdAt).toISOString(),
  createdBy: agent.createdBy,
});
