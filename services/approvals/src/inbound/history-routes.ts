import { tenantName } from "@aegis/contracts/names";
import type { HttpServer } from "@aegis/http/server";
import { z } from "zod";
import { cancel } from "#usecases/cancel.ts";
import { find, notFound } from "#usecases/find.ts";
import type { ApprovalRecord, Ports } from "#usecases/ports.ts";
import { type Caller, type Callers, maySee, readers, tenantOf } from "./callers.ts";
import { approvalView, viewOf } from "./view.ts";

const params = z.object({ id: z.uuid() });

// PostgreSQL keeps no NUL in text.
const text = z
  .string()
  .max(2_000)
  .regex(/^[^\0]*$/);

const historyView = z.object({
  history: z.array(z.object({ at: z.iso.datetime(), what: z.string(), who: z.array(z.string()), comment: z.string() })),
});

/** What happened to an approval, comments, and taking a request back. */
export function historyRoutes(server: HttpServer, ports: Ports, who: Callers): void {
  const seen = async (id: string, authorization: string | undefined): Promise<{ caller: Caller; approval: ApprovalRecord }> => {
    const caller = await who.either(authorization);
    const found = await find(ports, id, tenantOf(caller));
    if (!found.seen || !maySee(caller, found.approval)) throw notFound(id);
    return { caller, approval: found.approval };
  };

  server.get("/v1/approvals/:id/history", { schema: { params, response: { 200: historyView } } }, async ({ params: { id }, headers }) => {
    const { approval } = await seen(id, headers.authorization);
    const happened = await ports.history.of(approval.tenant, approval.id);
    return { history: happened.map(({ at, who, ...rest }) => ({ ...rest, who: [...who], at: new Date(at).toISOString() })) };
  });

  server.post(
    "/v1/approvals/:id/comments",
    { schema: { params, body: z.strictObject({ comment: text.min(1) }), response: { 204: z.undefined() } } },
    async ({ params: { id }, body, headers }, reply) => {
      const { caller, approval } = await seen(id, headers.authorization);
      const at = ports.clock.now().getTime();
      await ports.history.comment(approval.tenant, approval.id, { who: nameOf(caller), comment: body.comment, at });
      return reply.status(204).send(undefined);
    },
  );

  server.post(
    "/v1/approvals/:id/cancel",
    { schema: { params, body: z.strictObject({ comment: text.default("") }), response: { 200: approvalView } } },
    async ({ params: { id }, body, headers }) => {
      const { caller, approval } = await seen(id, headers.authorization);
      if (caller.kind === "operator") caller.operator.require(approval.tenant, "admin");
      return viewOf(await cancel(ports, { tenant: approval.tenant, id: approval.id, by: nameOf(caller), comment: body.comment }));
    },
  );
}

const count = z.int();
const tally = z.object({
  agent: z.string(),
  call: z.string(),
  ruleDigest: z.string(),
  queue: z.string(),
  requested: count,
  pending: count,
  approved: count,
  denied: count,
  expired: count,
  cancelled: count,
  medianSeconds: z.number().nullable(),
  quickShare: z.number().nullable(),
});

/** How approvals go, per agent, call and rule: where people are asked too often, or answer without reading. */
export function statisticsRoute(server: HttpServer, ports: Ports, who: Callers): void {
  const querystring = z.object({ tenant: tenantName, days: z.coerce.number().int().min(1).max(366).default(30) });
  server.get(
    "/v1/approval-statistics",
    { schema: { querystring, response: { 200: z.object({ statistics: z.array(tally) }) } } },
    async ({ query, headers }) => {
      await (await who.operator(headers.authorization)).read(query.tenant, "approvals", ...readers);
      const from = ports.clock.now().getTime() - query.days * 86_400_000;
      return { statistics: [...(await ports.statistics.since(query.tenant, from))] };
    },
  );
}

const nameOf = (caller: Caller): string => (caller.kind === "operator" ? caller.operator.user : caller.claims.client_id);
