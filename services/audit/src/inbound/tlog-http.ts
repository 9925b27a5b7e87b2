import { AegisError } from "@aegis/contracts/errors";
import { tenantName } from "@aegis/contracts/names";
import type { OperatorAuth } from "@aegis/http/operator";
import type { HttpServer } from "@aegis/http/server";
import { parseTilePath } from "@aegis/tlog/tiles";
import { z } from "zod";
import { exportLedger } from "#usecases/export.ts";
import type { Ports, StoredCheckpoint } from "#usecases/ports.ts";
import { readers } from "./ledger-query.ts";

/** A checkpoint with the signatures of the witnesses that saw it. */
async function cosigned({ cosignatures }: Ports, tenant: string, { size, note }: StoredCheckpoint): Promise<string> {
  const lines = (await cosignatures.all(tenant)).filter((each) => each.size === size).map(({ line }) => `${line}\n`);
  return note + lines.join("");
}

/** Each tenant's log as C2SP tlog-tiles serves it, under `/tlog/<tenant>/`. */
export function tlogRoutes(server: HttpServer, ports: Ports, auth: OperatorAuth): void {
  const ledger = exportLedger(ports);
  const params = z.object({ tenant: tenantName });

  server.get("/tlog/:tenant/checkpoint", { schema: { params } }, async (request, reply) => {
    const { tenant } = request.params;
    await (await auth.authenticate(request.headers.authorization)).read(tenant, "transparency log", ...readers);
    const latest = await ports.checkpoints.latest(tenant);
    if (latest === undefined) throw new AegisError("not_found", `no checkpoint of ${tenant} yet`);
    return reply
      .type("text/plain; charset=utf-8")
      .header("cache-control", "no-cache")
      .send(await cosigned(ports, tenant, latest));
  });

  server.get("/tlog/:tenant/tile/*", { schema: { params: params.extend({ "*": z.string() }) } }, async (request, reply) => {
    const { tenant, "*": rest } = request.params;
    await (await auth.authenticate(request.headers.authorization)).read(tenant, "transparency log", ...readers);
    const address = parseTilePath(`tile/${rest}`);
    const bytes = address && (await ledger.tile(tenant, address));
    if (bytes === undefined) throw new AegisError("not_found", `no such tile of ${tenant}`);
    // A tile of this width never changes; who may see it is decided per request.
    const headers = { "cache-control": "private, max-age=31536000, immutable" };
    return reply.type("application/octet-stream").headers(headers).send(Buffer.from(bytes));
  });
}
