import { AegisError } from "@aegis/contracts/errors";
import { namePattern } from "@aegis/contracts/name-patterns";
import { agentName, tenantName } from "@aegis/contracts/names";
import { operatorRoles } from "@aegis/contracts/operator";
import type { OperatorAuth } from "@aegis/http/operator";
import type { HttpServer } from "@aegis/http/server";
import { outsideAlgorithms } from "@aegis/identity/outside";
import { z } from "zod";
import { issuerKinds, type TrustedIssuer } from "#domain/trusted-issuer.ts";
import type { Ports } from "#usecases/ports.ts";

const name = z.string().regex(namePattern);
const secretMembers = ["d", "k", "p", "q", "dp", "dq", "qi", "oth"];
const publicKey = z.record(z.string(), z.unknown()).refine((jwk) => !secretMembers.some((member) => member in jwk), "holds a private key");
const rule = z.strictObject({
  match: z
    .record(z.string().min(1).max(256), z.string().min(1).max(512))
    .refine((match) => Object.keys(match).length > 0, "a rule matches at least one claim: {sub: '*'} is everybody"),
  agents: z.array(agentName).min(1).max(256),
});
const trust = {
  tenant: tenantName,
  name,
  kind: z.enum(issuerKinds),
  /** `iss` of its tokens, to the letter. */
  issuer: z.string().min(1).max(512),
  audience: z.string().min(1).max(512),
  algorithms: z.array(z.enum(outsideAlgorithms)).min(1),
  /** One of the two. */
  jwksUri: z
    .url({ protocol: /^https?$/ })
    .max(2_048)
    .optional(),
  jwks: z.object({ keys: z.array(publicKey).min(1).max(50) }).optional(),
  rules: z.array(rule).min(1).max(100),
};
const registration = z
  .strictObject({ ...trust, prefix: name.or(z.literal("")).default("") })
  .refine((one) => (one.jwksUri === undefined) !== (one.jwks === undefined), "give either jwksUri or jwks");
const view = z.object({ ...trust, prefix: z.string(), createdAt: z.iso.datetime(), createdBy: z.string() });
const ofTenant = z.object({ tenant: tenantName });

/** Trusted issuers: whose users and workloads a tenant's agents may speak for, and be. */
export function issuerRoutes(server: HttpServer, ports: Ports, operators: OperatorAuth): void {
  server.post("/v1/issuers", { schema: { body: registration, response: { 201: view } } }, async ({ body, headers, log }, reply) => {
    const operator = await operators.authenticate(headers.authorization);
    operator.require(body.tenant, "admin");
    if (body.issuer === ports.settings.issuer) throw new AegisError("invalid_argument", "this server's own tokens need no trust");
    const issuer: TrustedIssuer = { ...body, createdAt: ports.clock.now().getTime(), createdBy: operator.user };
    if (!(await ports.issuers.add(issuer))) {
      throw new AegisError(
        "already_exists",
        `${body.tenant} has an issuer of this name, issuer or prefix: remove it first, or give a prefix`,
      );
    }
    log.warn({ tenant: body.tenant, issuer: body.issuer, kind: body.kind, by: operator.user }, "issuer trusted");
    return reply.status(201).send(viewOf(issuer));
  });

  server.get(
    "/v1/issuers",
    { schema: { querystring: ofTenant, response: { 200: z.object({ issuers: z.array(view) }) } } },
    async ({ query: { tenant }, headers }) => {
      await (await operators.authenticate(headers.authorization)).read(tenant, "trusted issuers", ...operatorRoles);
      return { issuers: (await ports.issuers.list(tenant)).map(viewOf) };
    },
  );

  server.delete(
    "/v1/issuers/:name",
    { schema: { params: z.object({ name }), querystring: ofTenant } },
    async ({ params, query: { tenant }, headers, log }, reply) => {
      const operator = await operators.authenticate(headers.authorization);
      operator.require(tenant, "admin", "soc");
      if (!(await ports.issuers.remove(tenant, params.name)))
        throw new AegisError("not_found", `${tenant} trusts no issuer ${params.name}`);
      log.warn({ tenant, issuer: params.name, by: operator.user }, "issuer no longer trusted");
      return reply.status(204).send();
    },
  );
}

const viewOf = ({ createdAt, ...issuer }: TrustedIssuer): z.infer<typeof view> =>
  ({ ...issuer, createdAt: new Date(createdAt).toISOString() }) as z.infer<typeof view>;
