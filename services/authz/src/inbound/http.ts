import { createHttpServer, listen } from "@aegis/http/server";
import { detailTypes } from "@aegis/identity/authorization-details";
import { headerAlgorithms } from "@aegis/identity/keys";
import type { ServiceContext } from "@aegis/service/run";
import type { AccessRequests } from "#usecases/access-requests.ts";
import { accessRequestRoutes } from "./access-requests.ts";
import { authzenRoutes } from "./authzen.ts";
import type { GatewayUsecases } from "./gateway.ts";
import { opaRoutes } from "./opa-data.ts";
import { traced } from "./traced.ts";

export interface HttpOptions {
  readonly host: string;
  readonly port: number;
  /** This service's identifier as a protected resource; where it listens, when absent. */
  readonly resource?: string | undefined;
  readonly tokenIssuer: string;
  /** Whether agents can show a certificate here (RFC 8705), or to a gateway that is believed. */
  readonly certificateBound: boolean;
}

type HttpUsecases = GatewayUsecases & { readonly accessRequests: AccessRequests };

/** Decisions and access requests by AuthZEN, decisions in OPA's way; health, readiness, metrics, and what a client must know to get a token for this service (RFC 9728). */
export async function serveHttp(
  context: ServiceContext,
  { host, port, resource, tokenIssuer, certificateBound }: HttpOptions,
  given: HttpUsecases,
) {
  const usecases = { ...given, check: traced(given.check) };
  const server = await createHttpServer(context);
  const pdp = (resource ?? `http://${host}:${port}`).replace(/\/$/, "");
  const endpoint = `${pdp}/access/v1/requests`;
  await authzenRoutes(server, usecases, { pdp, endpoint });
  await accessRequestRoutes(server, usecases, { endpoint });
  await opaRoutes(server, usecases);
  server.get("/.well-known/oauth-protected-resource", async (_, reply) =>
    reply.header("cache-control", "public, max-age=300").send({
      resource: resource ?? `http://${host}:${port}`,
      resource_name: "Aegis decision point",
      authorization_servers: [tokenIssuer],
      bearer_methods_supported: ["header"],
      authorization_details_types_supported: [...detailTypes],
      dpop_signing_alg_values_supported: [...headerAlgorithms],
      tls_client_certificate_bound_access_tokens: certificateBound,
      dpop_bound_access_tokens_required: false,
    }),
  );
  return listen(server, { host, port });
}
