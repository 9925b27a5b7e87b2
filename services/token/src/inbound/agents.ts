import { AegisError } from "@aegis/contracts/errors";
import { namePattern } from "@aegis/contracts/name-patterns";
import { agentName, tenantName } from "@aegis/contracts/names";
import { operatorRoles } from "@aegis/contracts/operator";
import type { OperatorAuth } from "@aegis/http/operator";
import type { HttpServer } from "@aegis/http/server";
import { clientId } from "@aegis/identity/assertion";
import { fingerprint } from "@aegis/identity/claims";
import { publicJwk } from "@aegis/identity/keys";
import { maxScopeItems } from "@aegis/identity/scope";
import { z } from "zod";
import { type Agent, agentCommands, agentKinds, agentStates, riskTiers } from "#domain/agent.ts";
import { changeAgent } from "#usecases/change-agent.ts";
import type { Ports } from "#usecases/ports.ts";
import { registerAgent } from "#usecases/register-agent.ts";
import { stop } from "#usecases/stop.ts";
import { stoppedView, viewOfStop, waitMs } from "./stops.ts";

/** Text that a person wrote. PostgreSQL keeps no NUL in text. */
export const prose = (longest: number) =>
  z
    .string()
    .max(longest)
    .regex(/^[^\0]*$/);

/** Why it may have an item of its scope, and by when somebody looks at that again. */
export const scopeReview = z.strictObject({
  scope: z.string().min(1).max(600),
  justification: prose(1_000),
  reviewBy: z.iso.date().optional(),
});

const registration = z.strictObject({
  tenant: tenantName,
  agent: agentName,
  /** The organisation the tenant belongs to: refused when it is another. */
  org: z.string().regex(namePattern).optional(),
  owner: prose(254).min(1),
  /** What is left out from here on comes from this template; without one, `scope` must be given. */
  template: agentName.optional(),
  purpose: prose(1_000).optional(),
  kind: z.enum(agentKinds).optional(),
  risk: z.enum(riskTiers).optional(),
  /** The ceiling: items `tool:action` or `tool:*`. */
  scope: z.array(z.string().max(600)).max(maxScopeItems).optional(),
  /** The agents on whose tokens this one may act. */
  mayAct: z.array(agentName).max(256).optional(),
  publicJwk: z.record(z.string(), z.unknown()),
  /** Why it may have an item of its scope, and by when somebody looks at that again. */
  scopeReviews: z.array(scopeReview).max(maxScopeItems).optional(),
  /** What it is made of, as approved: a digest over the digests of its prompt, model, tools, connectors and data. */
  fingerprint: fingerprint.optional(),
  /** `registered` waits for an operator's `:activate`. */
  state: z.enum(["registered", "active"]).default("active"),
});

/** An agent as the API shows it. */
export const agentView = z.object({
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
  scopeReviews: z.array(scopeReview),
  fingerprint: z.string().optional(),
  template: z.string().optional(),
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
      await (await operators.authenticate(headers.authorization)).read(tenant, "agents", ...operatorRoles);
      const page = await ports.agents.list(tenant, cursor, limit);
      const last = page.length === limit ? page.at(-1) : undefined;
      return { agents: page.map(viewOf), ...(last === undefined ? {} : { next: last.agent }) };
    },
  );

  server.get(
    "/v1/agents/:agent",
    { schema: { params: z.object({ agent: agentName }), querystring: ofTenant, response: { 200: agentView } } },
    async ({ params, query: { tenant }, headers }) => {
      await (await operators.authenticate(headers.authorization)).read(tenant, "agents", ...operatorRoles);
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
          /** `<agent>:activate`, `:suspend`, `:resume`, `:retire`, `:revoke` or `:approve-fingerprint`. */
          agentAndCommand: z.templateLiteral([agentName, ":", z.enum([...agentCommands, "approve-fingerprint"])]),
        }),
        querystring: ofTenant.partial().extend({ waitMs }),
        body: ofTenant.partial().extend({ fingerprint: fingerprint.optional() }).nullish(),
        response: { 200: agentView.extend({ stopped: stoppedView.optional() }), 202: stoppedView },
      },
    },
    async ({ params: { agentAndCommand }, query, body, headers }, reply) => {
      const operator = await operators.authenticate(headers.authorization);
      const tenant = body?.tenant ?? query.tenant;
      if (tenant === undefined || (query.tenant ?? tenant) !== tenant) throw new AegisError("invalid_argument", "one tenant must be named");
      const [agent = "", command] = agentAndCommand.split(":");
      if (command === "approve-fingerprint") {
        operator.require(tenant, "admin");
        if (!body?.fingerprint) throw new AegisError("invalid_argument", "fingerprint must be sha256: and 64 hexadecimal digits");
        const now = ports.clock.now().getTime();
        const approved = await ports.agents.approveFingerprint({ tenant, agent }, body.fingerprint, operator.user, now);
        if (approved === undefined) throw new AegisError("not_found", `${tenant} has no agent ${agent}`);
        return viewOf(approved);
      }
      operator.require(tenant, "admin", "soc");
      if (command !== "revoke")
        return viewOf(await changeAgent(ports, { tenant, agent }, z.enum(agentCommands).parse(command), operator.user));
      const stopped = await stop(ports, { kind: "agent", tenant, name: agent }, operator.user, query.waitMs);
      if (stopped.journaled) return reply.status(202).send(viewOfStop(stopped));
      const revoked = await ports.agents.find(tenant, agent);
      if (revoked === undefined) throw new AegisError("not_found", `${tenant} has no agent ${agent}`);
      return { ...viewOf(revoked), stopped: viewOfStop(stopped) };
    },
  );
}

export const viewOf = (agent: Agent): z.infer<typeof agentView> => ({
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
  scopeReviews: [...agent.scopeReviews],
  ...(agent.fingerprint === undefined ? {} : { fingerprint: agent.fingerprint }),
  ...(agent.template === undefined ? {} : { template: agent.template }),
  state: agent.state,
  stateSince: new Date(agent.stateSince).toISOString(),
  createdAt: new Date(agent.createdAt).toISOString(),
  createdBy: agent.createdBy,
});
