import { AegisError } from "@aegis/contracts/errors";
import type { OperatorAuth } from "@aegis/http/operator";
import type { HttpServer } from "@aegis/http/server";
import { detailTypes } from "@aegis/identity/authorization-details";
import { headerAlgorithms } from "@aegis/identity/keys";
import type { Ports } from "#usecases/ports.ts";
import { needsSecond, propose } from "#usecases/second-person.ts";
import { revocationSnapshots } from "#usecases/snapshot-revocations.ts";
import { agentRoutes } from "./agents.ts";
import { grantTypes } from "./grants.ts";
import { inventoryRoutes } from "./inventory.ts";
import { issuerRoutes } from "./issuers.ts";
import { oauthRoutes } from "./oauth.ts";
import { orgRoutes } from "./orgs.ts";
import { viewOfProposal } from "./proposal-view.ts";
import { proposalRoutes } from "./proposals.ts";
import { registrationRoutes } from "./registration.ts";
import { stopRoutes } from "./stops.ts";
import { templateRoutes } from "./templates.ts";

/** RFC 8705 §3.3 and §5. */
const overMutualTls = (url: string) => ({
  tls_client_certificate_bound_access_tokens: true,
  mtls_endpoint_aliases: {
    token_endpoint: `${url}/oauth/token`,
    introspection_endpoint: `${url}/oauth/introspect`,
    revocation_endpoint: `${url}/oauth/revoke`,
  },
});

/** How long a verifier may keep the key set: less than a new key is announced ahead. */
const jwksSeconds = 300;

/** Authenticates a service by its `authorization` header; rejects `unauthenticated` or `permission_denied`. */
export type PeerAuth = (authorization: string | undefined) => Promise<{ readonly instance: string }>;

/** All routes of this service. */
export function tokenRoutes(server: HttpServer, ports: Ports, operators: OperatorAuth, peers: PeerAuth): void {
  oauthRoutes(server, ports, operators);
  agentRoutes(server, ports, operators);
  issuerRoutes(server, ports, operators);
  stopRoutes(server, ports, operators);
  proposalRoutes(server, ports, operators);
  inventoryRoutes(server, ports, operators);
  registrationRoutes(server, ports, operators);
  templateRoutes(server, ports, operators);
  orgRoutes(server, ports, operators);

  server.get("/.well-known/jwks.json", async (_, reply) =>
    reply.header("cache-control", `public, max-age=${jwksSeconds}`).send({ keys: ports.keys.published() }),
  );

  // RFC 8414 §2.
  server.get("/.well-known/oauth-authorization-server", async (_, reply) => {
    const { issuer, mtlsUrl } = ports.settings;
    const authentication = { methods: ["private_key_jwt"], algorithms: [...headerAlgorithms] };
    return reply.header("cache-control", `public, max-age=${jwksSeconds}`).send({
      issuer,
      jwks_uri: `${issuer}/.well-known/jwks.json`,
      token_endpoint: `${issuer}/oauth/token`,
      token_endpoint_auth_methods_supported: authentication.methods,
      token_endpoint_auth_signing_alg_values_supported: authentication.algorithms,
      introspection_endpoint: `${issuer}/oauth/introspect`,
      introspection_endpoint_auth_methods_supported: authentication.methods,
      introspection_endpoint_auth_signing_alg_values_supported: authentication.algorithms,
      revocation_endpoint: `${issuer}/oauth/revoke`,
      revocation_endpoint_auth_methods_supported: authentication.methods,
      revocation_endpoint_auth_signing_alg_values_supported: authentication.algorithms,
      grant_types_supported: grantTypes,
      authorization_details_types_supported: [...detailTypes],
      dpop_signing_alg_values_supported: [...headerAlgorithms],
      ...(mtlsUrl === undefined ? {} : overMutualTls(mtlsUrl)),
      // RFC 8414 §2 demands the member; there is no authorization endpoint, so no type of response is supported.
      response_types_supported: [],
    });
  });

  const snapshot = revocationSnapshots(ports);
  server.get("/v1/revocations", async ({ headers }, reply) => {
    const { instance } = await peers(headers.authorization);
    const { jws, asOf, at } = await snapshot();
    // Its bytes leave now; what the replica makes of them takes a moment at most.
    ports.enforcers.fetched(instance, { asOf, at });
    return reply.header("cache-control", "no-store").type("application/jwt").send(jws);
  });

  server.post("/v1/keys::rotate", async ({ headers }, reply) => {
    // The keys sign for every tenant.
    const operator = await operators.authenticate(headers.authorization);
    operator.require("*", "admin");
    if (needsSecond(ports, "rotate-key")) {
      const proposal = await propose(ports, { action: "rotate-key", tenant: "*" }, operator.user);
      return reply.status(202).send({ proposed: viewOfProposal(proposal) });
    }
    const rotated = await ports.keys.rotate();
    if (rotated === undefined) throw new AegisError("conflict", "a new key is being announced already");
    return { kid: rotated.kid, signsFrom: new Date(rotated.signsFrom).toISOString() };
  });
}
