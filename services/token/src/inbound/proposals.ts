import { agentName, tenantName } from "@aegis/contracts/names";
import { operatorRoles } from "@aegis/contracts/operator";
import type { Operator, OperatorAuth } from "@aegis/http/operator";
import type { HttpServer } from "@aegis/http/server";
import { maxScopeItems } from "@aegis/identity/scope";
import { z } from "zod";
import type { Change } from "#domain/proposal.ts";
import { type CarriedOut, carryOut } from "#usecases/carry-out.ts";
import { changeCeiling } from "#usecases/change-ceiling.ts";
import type { Ports } from "#usecases/ports.ts";
import { agree } from "#usecases/second-person.ts";
import { agentView, scopeReview, viewOf } from "./agents.ts";
import { proposalView, proposedView, viewOfProposal } from "./proposal-view.ts";
import { stoppedView, viewOfStop, waitMs } from "./stops.ts";

/** Whoever may agree is whoever could do it alone, were one person enough. @throws AegisError `permission_denied`. */
const requireFor = (operator: Operator) => (change: Change) =>
  change.action === "revoke-tenant" ? operator.require(change.tenant, "admin", "soc") : operator.require(change.tenant, "admin");

const ofTenant = z.object({ tenant: tenantName.or(z.literal("*")) });

/** Ceilings of agents, and actions that wait for a second person. */
export function proposalRoutes(server: HttpServer, ports: Ports, operators: OperatorAuth): void {
  const ceiling = z.strictObject({
    tenant: tenantName,
    scope: z.array(z.string().max(600)).max(maxScopeItems),
    mayAct: z.array(agentName).max(256).default([]),
    scopeReviews: z.array(scopeReview).max(maxScopeItems).default([]),
  });

  server.put(
    "/v1/agents/:agent/ceiling",
    {
      schema: {
        params: z.object({ agent: agentName }),
        body: ceiling,
        response: { 200: agentView.extend({ revokedTokens: z.int() }), 202: proposedView },
      },
    },
    async ({ params, body: { tenant, ...wanted }, headers }, reply) => {
      const operator = await operators.authenticate(headers.authorization);
      operator.require(tenant, "admin");
      const done = await changeCeiling(ports, { tenant, agent: params.agent }, wanted, operator.user);
      if (done.kind === "proposed") return reply.status(202).send({ proposed: viewOfProposal(done.proposal) });
      return { ...viewOf(done.agent), revokedTokens: done.revoked };
    },
  );

  server.get(
    "/v1/proposals",
    { schema: { querystring: ofTenant, response: { 200: z.object({ proposals: z.array(proposalView) }) } } },
    async ({ query: { tenant }, headers }) => {
      await (await operators.authenticate(headers.authorization)).read(tenant, "proposals", ...operatorRoles);
      return { proposals: (await ports.proposals.open(tenant, ports.clock.now().getTime())).map(viewOfProposal) };
    },
  );

  server.post(
    "/v1/proposals/:idAndCommand",
    {
      schema: {
        params: z.object({
          /** `<id>:approve` */
          idAndCommand: z.string().regex(/^[0-9a-f-]{36}:approve$/),
        }),
        querystring: ofTenant.extend({ waitMs }),
        response: { 200: z.object({ proposal: proposalView }).extend(carriedOut.shape) },
      },
    },
    async ({ params, query: { tenant, waitMs: wait }, headers }) => {
      const operator = await operators.authenticate(headers.authorization);
      const ref = { tenant, id: params.idAndCommand.slice(0, -":approve".length) };
      // Said before it is looked whether there is one.
      operator.require(tenant, "admin", "soc");
      const done = await agree(ports, ref, operator.user, requireFor(operator), (agreed) => carryOut(ports, agreed, wait));
      return { proposal: viewOfProposal(done.proposal), ...viewOfOutcome(done.result) };
    },
  );
}

/** What came of a proposal, by its action. */
const carriedOut = z.object({
  agent: agentView.optional(),
  stopped: stoppedView.optional(),
  key: z.object({ kid: z.string(), signsFrom: z.iso.datetime() }).optional(),
});

const viewOfOutcome = ({ agent, stopped, key }: CarriedOut): z.infer<typeof carriedOut> => ({
  ...(agent === undefined ? {} : { agent: viewOf(agent) }),
  ...(stopped === undefined ? {} : { stopped: viewOfStop(stopped) }),
  ...(key === undefined ? {} : { key: { kid: key.kid, signsFrom: new Date(key.signsFrom).toISOString() } }),
});
