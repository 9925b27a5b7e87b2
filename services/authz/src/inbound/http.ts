import { createHttpServer, listen } from "@aegis/http/server";
import type { ServiceContext } from "@aegis/service/run";

/** Health, readiness and metrics: authz has no HTTP routes of its own. */
export async function serveHttp(context: ServiceContext, at: { host: string; port: number }) {
  return listen(await createHttpServer(context), at);
}
