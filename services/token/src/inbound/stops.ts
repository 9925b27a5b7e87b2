import { AegisError } from "@aegis/contracts/errors";
import { agentName, tenantName } from "@aegis/contracts/names";
import { operatorRoles } from "@aegis/contracts/operator";
import type { OperatorAuth } from "@aegis/http/operator";
import type { HttpServer } from "@aegis/http/server";
import { z } from "zod";
import type { Ports } from "#usecases/ports.ts";
import { needsSecond, propose } from "#usecases/second-person.ts";
import { type Stopped, stop } from "#usecases/stop.ts";
import { proposedView, viewOfProposal } from "./proposal-view.ts";

/** How long to wait for replicas to confirm. */
export const waitMs = z.coerce.number().int().min(0).max(30_000).default(0);

/** What a kill switch did, and when each replica of authz came to enforce it. */
export const stoppedView = z.object({
  kind: z.enum(["agent", "owner", "tenant"]),
  tenant: z.string(),
  name: z.string(),
  state: z.literal("revoked"),
  /** Agents that were not revoked before; left out while PostgreSQL is away. */
  agents: z.array(z.string()).optional(),
  /** True: PostgreSQL is away, the order is in the journal. */
  journaled: z.boolean(),
  /** When the order came; milliseconds are counted from here. */
  orderedAt: z.iso.datetime(),
  durableMs: z.number(),
  /** Until the last replica that confirmed. */
  tookMs: z.number().optional(),
  confirmed: z.number().int(),
  /** `how` and `ms` are left out of a replica that did not confirm in time. */
  replicas: z.array(z.object({ replica: z.string(), how: z.enum(["push", "poll"]).optional(), ms: z.number().optional() })),
});

const tenths = (ms: number): number => Math.round(ms * 10) / 10;

export const viewOfStop = ({
  target,
  agents,
  journaled,
  orderedAt,
  durableMs,
  tookMs,
  replicas,
}: Stopped): z.infer<typeof stoppedView> => ({
  ...target,
  state: "revoked",
  ...(agents === undefined ? {} : { agents: [...agents] }),
  journaled,
  orderedAt: new Date(orderedAt).toISOString(),
  durableMs: tenths(durableMs),
  ...(tookMs === undefined ? {} : { tookMs: tenths(tookMs) }),
  confirmed: replicas.filter(({ how }) => how !== undefined).length,
  replicas: replicas.map((one) => (one.ms === undefined ? one : { ...one, ms: tenths(one.ms) })),
});

const delegationView = z.object({
  tokenId: z.string(),
  agent: z.string(),
  parentTokenId: z.string().optional(),
  chain: z.array(z.string()),
  subject: z.string(),
  scope: z.string(),
  depth: z.number().int(),
  issuedAt: z.iso.datetime(),
  expiresAt: z.iso.datetime(),
  revoked: z.boolean(),
});

// A person is named freely; PostgreSQL keeps no NUL.
const ownerName = z
  .string()
  .min(1)
  .max(254)
  .regex(/^[^\0]*$/);

/** The kill switches over more than one agent, and what lives below one. Stopping needs the role admin or soc. */
export function stopRoutes(server: HttpServer, ports: Ports, operators: OperatorAuth): void {
  const answers = { 200: stoppedView, 202: stoppedView };

  server.post(
    "/v1/owners/:ownerAndCommand",
    {
      schema: {
        params: z.object({
          /** `<owner>:revoke` */
          ownerAndCommand: z.string().max(300).endsWith(":revoke"),
        }),
        querystring: z.object({ tenant: tenantName, waitMs }),
        response: answers,
      },
    },
    async ({ params, query: { tenant, waitMs: wait }, headers }) => {
      const operator = await operators.authenticate(headers.authorization);
      operator.require(tenant, "admin", "soc");
      const owner = ownerName.safeParse(params.ownerAndCommand.slice(0, -":revoke".length).toLowerCase());
      if (!owner.success) throw new AegisError("invalid_argument", "the owner must be named");
      return viewOfStop(await stop(ports, { kind: "owner", tenant, name: owner.data }, operator.user, wait));
    },
  );

  server.post(
    "/v1/tenants/:tenantAndCommand",
    {
      schema: {
        params: z.object({
          /** `<tenant>:revoke` */
          tenantAndCommand: z.templateLiteral([tenantName, ":revoke"]),
        }),
        querystring: z.object({ waitMs }),
        response: { 200: stoppedView, 202: stoppedView.or(proposedView) },
      },
    },
    async ({ params, query, headers }, reply) => {
      const operator = await operators.authenticate(headers.authorization);
      const tenant = params.tenantAndCommand.slice(0, -":revoke".length);
      operator.require(tenant, "admin", "soc");
      if (needsSecond(ports, "revoke-tenant")) {
        const proposal = await propose(ports, { action: "revoke-tenant", tenant }, operator.user);
        return reply.status(202).send({ proposed: viewOfProposal(proposal) });
      }
      const stopped = await stop(ports, { kind: "tenant", tenant, name: tenant }, operator.user, query.waitMs);
      return reply.status(stopped.journaled ? 202 : 200).send(viewOfStop(stopped));
    },
  );

  server.get(
    "/v1/agents/:agent/delegations",
    {
      schema: {
        params: z.object({ agent: agentName }),
        querystring: z.object({ tenant: tenantName }),
        response: { 200: z.object({ delegations: z.array(delegationView) }) },
      },
    },
    async ({ params, query: { tenant }, headers }) => {
      await (await operators.authenticate(headers.authorization)).read(tenant, "delegations", ...operatorRoles);
      const found = await ports.grants.delegations(tenant, params.agent, ports.clock.now().getTime());
      return {
        delegations: found.map((one) => ({
          ...one,
          chain: [...one.chain],
          issuedAt: new Date(one.issuedAt).toISOString(),
          expiresAt: new Date(one.expiresAt).toISOString(),
        })),
      };
    },
  );
}
