import { namePattern } from "@aegis/contracts/name-patterns";
import type { OperatorAuth } from "@aegis/http/operator";
import type { HttpServer } from "@aegis/http/server";
import { z } from "zod";
import type { Ports } from "#usecases/ports.ts";
import { serveBundle } from "#usecases/serve-bundle.ts";
import { readers } from "./http.ts";

/** Below the time after which proxies give a silent connection up. */
const longestWaitMs = 50_000;

const params = z.object({ file: z.string().regex(new RegExp(`${namePattern.source.slice(0, -1)}\\.tar\\.gz$`)) });

/**
 * OPA's bundle service: `GET /bundles/<tenant>.tar.gz` with ETag and 304. With `Prefer: wait=<seconds>` it answers when there is
 * something new, in the media type that tells OPA to go on asking that way.
 */
export function bundleRoutes(server: HttpServer, ports: Ports, who: OperatorAuth, stopping: AbortSignal): void {
  server.get("/bundles/:file", { schema: { params } }, async ({ params: { file }, headers, signal }, reply) => {
    const tenant = file.slice(0, -".tar.gz".length);
    (await who.authenticate(headers.authorization)).require(tenant, "enforcement-point", ...readers);
    const known = new Set((headers["if-none-match"] ?? "").split(",").map((tag) => tag.trim().replace(/^W\//, "")));
    const wait = /(?:^|[;,\s])wait=(\d{1,4})(?:$|[;,\s])/.exec(String(headers.prefer ?? ""))?.[1];
    const { entity, tarball } = await serveBundle(ports, {
      tenant,
      known: (tag) => known.has(`"${tag}"`) || known.has("*"),
      waitMs: Math.min(Number(wait ?? 0) * 1_000, longestWaitMs),
      signal: AbortSignal.any([signal, stopping]),
    });
    reply.header("etag", `"${entity}"`).header("cache-control", "no-cache");
    if (tarball === undefined) return reply.status(304).send();
    return reply.type(wait === undefined ? "application/gzip" : "application/vnd.openpolicyagent.bundles").send(tarball);
  });
}
