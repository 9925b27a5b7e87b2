import { AegisError } from "@aegis/contracts/errors";
import { agentName, tenantName } from "@aegis/contracts/names";
import { operatorRoles } from "@aegis/contracts/operator";
import type { OperatorAuth } from "@aegis/http/operator";
import type { HttpServer } from "@aegis/http/server";
import { maxScopeItems, normalizeScope } from "@aegis/identity/scope";
import { z } from "zod";
import { agentKinds, riskTiers } from "#domain/agent.ts";
import type { Template } from "#domain/template.ts";
import type { Ports } from "#usecases/ports.ts";
import { prose, scopeReview } from "./agents.ts";

const template = z.strictObject({
  tenant: tenantName,
  name: agentName,
  purpose: prose(1_000).default(""),
  kind: z.enum(agentKinds).default("agentic"),
  risk: z.enum(riskTiers).default("low"),
  scope: z.array(z.string().max(600)).max(maxScopeItems),
  mayAct: z.array(agentName).max(256).default([]),
  scopeReviews: z.array(scopeReview).max(maxScopeItems).default([]),
});

const templateView = template.extend({ createdAt: z.iso.datetime(), createdBy: z.string() });

const viewOf = ({ createdAt, ...rest }: Template): z.infer<typeof templateView> => ({
  ...rest,
  ...{ scope: [...rest.scope], mayAct: [...rest.mayAct], scopeReviews: [...rest.scopeReviews] },
  createdAt: new Date(createdAt).toISOString(),
});

const ofTenant = z.object({ tenant: tenantName });

/** Templates of agents under /v1/templates. Making and removing them needs the role admin; reading, any. */
export function templateRoutes(server: HttpServer, ports: Ports, operators: OperatorAuth): void {
  server.post("/v1/templates", { schema: { body: template, response: { 201: templateView } } }, async ({ body, headers }, reply) => {
    const operator = await operators.authenticate(headers.authorization);
    operator.require(body.tenant, "admin");
    const lists = { scope: normalizeScope(body.scope), mayAct: [...new Set(body.mayAct)].sort() };
    const made = { ...body, ...lists, createdAt: ports.clock.now().getTime(), createdBy: operator.user };
    if (!(await ports.templates.add(made))) throw new AegisError("already_exists", `${body.tenant} has a template ${body.name}`);
    return reply.status(201).send(viewOf(made));
  });

  server.get(
    "/v1/templates",
    { schema: { querystring: ofTenant, response: { 200: z.object({ templates: z.array(templateView) }) } } },
    async ({ query: { tenant }, headers }) => {
      await (await operators.authenticate(headers.authorization)).read(tenant, "templates", ...operatorRoles);
      return { templates: (await ports.templates.list(tenant)).map(viewOf) };
    },
  );

  server.delete(
    "/v1/templates/:name",
    { schema: { params: z.object({ name: agentName }), querystring: ofTenant } },
    async ({ params: { name }, query: { tenant }, headers }, reply) => {
      (await operators.authenticate(headers.authorization)).require(tenant, "admin");
      if (!(await ports.templates.remove(tenant, name))) throw new AegisError("not_found", `${tenant} has no template ${name}`);
      return reply.status(204).send();
    },
  );
}
