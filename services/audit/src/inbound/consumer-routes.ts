import { tenantName } from "@aegis/contracts/names";
import { tenantApiPrefix, tenantStream } from "@aegis/contracts/subjects";
import type { OperatorAuth } from "@aegis/http/operator";
import type { HttpServer } from "@aegis/http/server";
import { z } from "zod";

/** Makes a tenant's durable consumer of the stream SIEM, or leaves the one there is. */
export type EnsureConsumer = (tenant: string) => Promise<void>;

/** `PUT /v1/streams/{tenant}`: what a tenant's own login on NATS reads from, which nobody but this service may make. */
export function consumerRoutes(server: HttpServer, ensure: EnsureConsumer, auth: OperatorAuth): void {
  server.put("/v1/streams/:tenant", { schema: { params: z.object({ tenant: tenantName }) } }, async (request) => {
    const { tenant } = request.params;
    (await auth.authenticate(request.headers.authorization)).require(tenant, "admin");
    await ensure(tenant);
    const { user, hears, stream, durable } = tenantStream(tenant);
    return { user, stream, durable, apiPrefix: tenantApiPrefix, subjects: hears };
  });
}
