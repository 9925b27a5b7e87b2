import { tenantName } from "@aegis/contracts/names";
import type { HttpServer } from "@aegis/http/server";
import { z } from "zod";
import { approvalStates } from "#domain/approval.ts";
import { collect } from "#usecases/collect.ts";
import { comparisonOf } from "#usecases/compare.ts";
import { find, findOnceSeen, notFound } from "#usecases/find.ts";
import type { Ports } from "#usecases/ports.ts";
import { vote } from "#usecases/vote.ts";
import { wait } from "#usecases/wait.ts";
import { type Callers, maySee, readers, tenantOf } from "./callers.ts";
import { hangUp } from "./hang-up.ts";
import { approvalView, detailedFoundView, foundView, viewOf, viewOfFound } from "./view.ts";

/** How long acting on an id waits for its event. */
const arrivalWaitMs = 5_000;

const params = z.object({ id: z.uuid() });

/** The routes under /v1/approvals. */
export function approvalRoutes(server: HttpServer, ports: Ports, who: Callers, stopping: AbortSignal): void {
  server.get(
    "/v1/approvals",
    {
      schema: {
        querystring: z.object({
          tenant: tenantName,
          state: z.enum(approvalStates).optional(),
          queue: z.string().max(128).optional(),
          limit: z.coerce.number().int().min(1).max(500).default(100),
          /** `next` of the page before. */
          cursor: z.uuid().optional(),
        }),
        response: { 200: z.object({ approvals: z.array(approvalView), next: z.uuid().optional() }) },
      },
    },
    async ({ query, headers }) => {
      const operator = await who.operator(headers.authorization);
      await operator.read(query.tenant, "approvals", ...readers);
      const { tenant, state, queue, limit, cursor } = query;
      const page = await ports.approvals.list({ tenant, state, queue, before: cursor, limit });
      const last = page.length === limit ? page.at(-1) : undefined;
      return { approvals: page.map(viewOf), ...(last === undefined ? {} : { next: last.id }) };
    },
  );

  server.get("/v1/approvals/:id", { schema: { params, response: { 200: detailedFoundView } } }, async ({ params: { id }, headers }) => {
    const caller = await who.either(headers.authorization);
    const found = await find(ports, id, tenantOf(caller));
    if (!found.seen) return { id, state: "pending" as const, votes: [] };
    if (!maySee(caller, found.approval)) {
      if (caller.kind !== "operator") throw notFound(id);
      await caller.operator.read(found.approval.tenant, "approvals", ...readers).catch(() => Promise.reject(notFound(id)));
    }
    return { ...viewOf(found.approval), comparison: await comparisonOf(ports, found.approval) };
  });

  server.get(
    "/v1/approvals/:id/wait",
    {
      schema: {
        params,
        /** Seconds. */
        querystring: z.object({ timeout: z.coerce.number().min(0).max(55).default(25) }),
        response: { 200: foundView },
      },
    },
    async ({ params: { id }, query, headers }, reply) => {
      const caller = await who.either(headers.authorization);
      const options = { timeoutMs: query.timeout * 1_000, signal: hangUp(reply.raw, stopping) };
      const found = await wait(ports, id, { ...options, tenant: tenantOf(caller), maySee: (approval) => maySee(caller, approval) });
      return viewOfFound(found);
    },
  );

  server.post(
    "/v1/approvals/:id/votes",
    {
      schema: {
        params,
        body: z.strictObject({
          decision: z.enum(["approve", "deny"]),
          // PostgreSQL keeps no NUL in text.
          comment: z
            .string()
            .max(2_000)
            .regex(/^[^\0]*$/)
            .default(""),
        }),
        response: { 200: approvalView },
      },
    },
    async ({ params: { id }, body, headers }, reply) => {
      const operator = await who.operator(headers.authorization);
      const approval = await findOnceSeen(ports, id, { waitMs: arrivalWaitMs, signal: hangUp(reply.raw, stopping) });
      if (!operator.has(approval.tenant, ...readers)) throw notFound(id);
      operator.require(approval.tenant, "approver", "admin");
      return viewOf(await vote(ports, { tenant: approval.tenant, id: approval.id, user: operator.user, ...body }));
    },
  );

  server.post(
    "/v1/approvals/:id/override",
    {
      schema: {
        params,
        response: { 200: z.object({ override_token: z.string(), expiresAt: z.iso.datetime() }) },
      },
    },
    async ({ params: { id }, headers }, reply) => {
      const claims = await who.agent(headers.authorization);
      const handed = await collect(ports, id, { tenant: claims.tenant, agent: claims.client_id, instance: claims.instance });
      reply.header("cache-control", "no-store");
      return { override_token: handed.token, expiresAt: new Date(handed.expiresAt).toISOString() };
    },
  );
}
