import { agentName, tenantName } from "@aegis/contracts/names";
import { operatorRoles } from "@aegis/contracts/operator";
import type { OperatorAuth } from "@aegis/http/operator";
import type { HttpServer } from "@aegis/http/server";
import { z } from "zod";
import type { Agent } from "#domain/agent.ts";
import type { Ports } from "#usecases/ports.ts";
import { agentView, viewOf } from "./agents.ts";

const entryView = agentView.extend({
  /** When it was last given a token; left out of one that never was. */
  lastIssuedAt: z.iso.datetime().optional(),
  /** Items of its scope that nobody has justified. */
  unjustified: z.array(z.string()),
  /** Items whose review is overdue. */
  overdue: z.array(z.string()),
});

/**
 * The inventory of a tenant's agents, by name: who they are, when they were last given a token, and what of their scope nobody has
 * justified or looked at again in time. What they do with their scopes is the ledger's to say.
 */
export function inventoryRoutes(server: HttpServer, ports: Ports, operators: OperatorAuth): void {
  server.get(
    "/v1/inventory",
    {
      schema: {
        querystring: z.object({
          tenant: tenantName,
          limit: z.coerce.number().int().min(1).max(500).default(100),
          /** `next` of the page before. */
          cursor: agentName.optional(),
        }),
        response: { 200: z.object({ agents: z.array(entryView), next: z.string().optional() }) },
      },
    },
    async ({ query: { tenant, limit, cursor }, headers }) => {
      await (await operators.authenticate(headers.authorization)).read(tenant, "inventory", ...operatorRoles);
      const [page, lastUse] = await Promise.all([ports.agents.list(tenant, cursor, limit), ports.agents.lastUse(tenant)]);
      const today = ports.clock.now().toISOString().slice(0, 10);
      const last = page.length === limit ? page.at(-1) : undefined;
      return {
        agents: page.map((agent) => entryOf(agent, lastUse.get(agent.agent), today)),
        ...(last === undefined ? {} : { next: last.agent }),
      };
    },
  );
}

function entryOf(agent: Agent, lastIssued: number | undefined, today: string): z.infer<typeof entryView> {
  const justified = new Set(agent.scopeReviews.filter(({ justification }) => justification !== "").map(({ scope }) => scope));
  return {
    ...viewOf(agent),
    ...(lastIssued === undefined ? {} : { lastIssuedAt: new Date(lastIssued).toISOString() }),
    unjustified: agent.scope.filter((item) => !justified.has(item)),
    overdue: agent.scopeReviews.filter(({ reviewBy }) => reviewBy !== undefined && reviewBy < today).map(({ scope }) => scope),
  };
}
