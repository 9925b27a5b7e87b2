import type { HttpServer } from "@aegis/http/server";
import { policySchema } from "@aegis/policy/policy-schema";

/** `GET /schemas/policy.json`: the JSON Schema of every policy document, for editors. It holds no tenant's data, so nobody need log in. */
export function schemaRoutes(server: HttpServer): void {
  const text = JSON.stringify(policySchema());
  server.get("/schemas/policy.json", { schema: { summary: "The JSON Schema of policy documents" } }, async (_, reply) =>
    reply.type("application/schema+json").header("cache-control", "public, max-age=3600").send(text),
  );
}
