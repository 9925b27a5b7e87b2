import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { algorithmOf, privateJwk, publicJwkOf } from "@aegis/identity/keys";
import { loadConfig } from "@aegis/service/config";
import { z } from "zod";

/**
 * A small OpenID Connect issuer for a fabric on one machine: discovery and keys, nothing else. It signs nothing:
 * whoever can read the key in the data directory (`aegis operator token`) already is everyone.
 */
const config = loadConfig("AEGIS_ISSUER", { port: z.coerce.number().int(), keyFile: z.string(), url: z.url() });
const key = publicJwkOf(privateJwk.parse(JSON.parse(readFileSync(config.keyFile, "utf8"))));

const documents: Readonly<Record<string, unknown>> = {
  "/.well-known/openid-configuration": {
    issuer: config.url,
    jwks_uri: `${config.url}/jwks.json`,
    id_token_signing_alg_values_supported: [algorithmOf(key)],
    response_types_supported: ["id_token"],
    subject_types_supported: ["public"],
  },
  "/jwks.json": { keys: [key] },
  "/healthz": { ready: true },
  "/readyz": { ready: true },
};

const server = createServer((request, response) => {
  const document = request.method === "GET" ? documents[request.url ?? ""] : undefined;
  response.writeHead(document ? 200 : 404, { "content-type": "application/json" });
  response.end(JSON.stringify(document ?? { error: "not found" }));
});
server.listen(config.port, "127.0.0.1");
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    server.close();
    server.closeAllConnections();
  });
}
