import { AegisError } from "@aegis/contracts/errors";
import { agentName, tenantName } from "@aegis/contracts/names";
import { services } from "@aegis/contracts/subjects";
import { type OperatorAuth, operatorAuth } from "@aegis/http/operator";
import type { HttpServer } from "@aegis/http/server";
import { z } from "zod";
import type { Ports } from "#usecases/ports.ts";
import { readForOrg } from "#usecases/read-for-org.ts";

/** Operators at the door of this service, which notes what org-auditors read here itself. */
export const operatorsHere = (ports: Pick<Ports, "orgs" | "clock">, issuer: string): OperatorAuth =>
  operatorAuth({
    issuer,
    orgReads: ({ operator, tenant, what }) =>
      readForOrg(ports, { tenant, service: "token", what, by: operator.user }, (org) => operator.audits(tenant, org)),
  });

/** Which tenants an organisation has, and what its auditors read of them. */
export function orgRoutes(server: HttpServer, ports: Ports, operators: OperatorAuth): void {
  server.put(
    "/v1/tenants/:tenant/org",
    {
      schema: {
        params: z.object({ tenant: tenantName }),
        /** Null: it belongs to none any more. */
        body: z.strictObject({ org: agentName.nullable() }),
        response: { 200: z.object({ tenant: z.string(), org: z.string().nullable() }) },
      },
    },
    async ({ params: { tenant }, body: { org }, headers }) => {
      // It opens the tenant to the organisation's auditors: nothing for an admin of either.
      const operator = await operators.authenticate(headers.authorization);
      operator.require("*", "admin");
      await ports.orgs.assign(tenant, org ?? undefined, operator.user, ports.clock.now().getTime());
      return { tenant, org };
    },
  );

  server.get(
    "/v1/orgs/:org/tenants",
    { schema: { params: z.object({ org: agentName }), response: { 200: z.object({ org: z.string(), tenants: z.array(z.string()) }) } } },
    async ({ params: { org }, headers }) => {
      const operator = await operators.authenticate(headers.authorization);
      if (!operator.has("*", "admin") && !operator.audits("*", org))
        throw new AegisError("permission_denied", `this needs org-auditor of ${org}, or admin of all tenants`);
      return { org, tenants: await ports.orgs.tenantsOf(org) };
    },
  );

  server.post(
    "/v1/org-reads",
    { schema: { body: z.strictObject({ tenant: tenantName, service: z.enum(services), what: z.string().min(1).max(100) }) } },
    async ({ body, headers }, reply) => {
      const operator = await operators.authenticate(headers.authorization);
      await readForOrg(ports, { ...body, by: operator.user }, (org) => operator.audits(body.tenant, org));
      return reply.status(204).send();
    },
  );
}
