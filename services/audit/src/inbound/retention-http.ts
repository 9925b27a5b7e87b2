import { randomUUID } from "node:crypto";
import { tenantName } from "@aegis/contracts/names";
import type { OperatorAuth } from "@aegis/http/operator";
import type { HttpServer } from "@aegis/http/server";
import { z } from "zod";
import { holding } from "#usecases/holds.ts";
import type { Clock } from "#usecases/ports.ts";
import type { Hold, RetentionPorts } from "#usecases/retention-ports.ts";
import { instantText, readers } from "./ledger-query.ts";

const inTenant = z.object({ tenant: tenantName });
const text = z.string().trim().min(1).max(512);
const reason = z.string().trim().min(1).max(2_000);
const order = inTenant.extend({
  reason,
  agent: text.optional(),
  prompt: text.optional(),
  from: instantText.optional(),
  to: instantText.optional(),
});

/** What is kept, what has left, and the holds that keep what would leave. Holds are an admin's or an auditor's to place and to release. */
export function retentionRoutes(server: HttpServer, ports: RetentionPorts & { readonly clock: Clock }, auth: OperatorAuth): void {
  const { place, release } = holding({ ...ports, newId: randomUUID });

  server.get("/v1/retention", { schema: { querystring: inTenant } }, async (request) => {
    const { tenant } = request.query;
    await (await auth.authenticate(request.headers.authorization)).read(tenant, "retention", ...readers);
    return { tenant, ...(await ports.months.state(tenant)), holds: (await ports.holds.list(tenant)).map(holdJson) };
  });

  server.get("/v1/holds", { schema: { querystring: inTenant } }, async (request) => {
    const { tenant } = request.query;
    await (await auth.authenticate(request.headers.authorization)).read(tenant, "retention", ...readers);
    return { holds: (await ports.holds.list(tenant)).map(holdJson) };
  });

  server.post("/v1/holds", { schema: { body: order } }, async (request, reply) => {
    const { tenant, reason: why, ...scope } = request.body;
    const operator = await auth.authenticate(request.headers.authorization);
    operator.require(tenant, "admin", "auditor");
    return reply.code(201).send(holdJson(await place({ tenant, by: operator.user, reason: why }, scope)));
  });

  const released = { params: z.object({ id: z.uuid() }), body: inTenant.extend({ reason }) };
  server.post("/v1/holds/:id/release", { schema: released }, async (request, reply) => {
    const { tenant, reason: why } = request.body;
    const operator = await auth.authenticate(request.headers.authorization);
    operator.require(tenant, "admin");
    await release({ tenant, by: operator.user, reason: why }, request.params.id);
    return reply.code(204).send();
  });
}

const holdJson = ({ placedAt, released, from, to, ...hold }: Hold) => ({
  ...hold,
  from: from?.toISOString(),
  to: to?.toISOString(),
  placedAt: placedAt.toISOString(),
  released: released && { ...released, at: released.at.toISOString() },
});
