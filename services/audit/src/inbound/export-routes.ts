import { Readable } from "node:stream";
import { tenantName } from "@aegis/contracts/names";
import type { OperatorAuth } from "@aegis/http/operator";
import type { HttpServer } from "@aegis/http/server";
import { entryKinds } from "@aegis/tlog/leaf";
import { z } from "zod";
import { exportFormats, mediaTypes } from "#domain/export/formats.ts";
import { exportEntries } from "#usecases/export-entries.ts";
import type { ExportPorts } from "#usecases/export-ports.ts";
import { readers } from "./ledger-query.ts";

const instant = z.iso.datetime({ offset: true }).transform((text) => new Date(text));

/** What an export and a stream have in common. */
export const selection = z.object({
  tenant: tenantName,
  format: z.enum(exportFormats).default("jsonl"),
  /** "decision,outcome"; every kind unless said. */
  kind: z
    .string()
    .transform((text) => text.split(","))
    .pipe(z.array(z.enum(entryKinds)))
    .optional(),
  agent: z.string().max(512).optional(),
  tool: z.string().max(512).optional(),
  decision: z.string().max(512).optional(),
});

const query = selection.extend({
  from: instant.optional(),
  to: instant.optional(),
  /** Only entries beyond this sequence: every record names its own. */
  cursor: z.coerce.number().int().min(-1).default(-1),
  limit: z.coerce.number().int().min(1).optional(),
});

/** A tenant's entries in a SIEM's format, one a line, in the order of the ledger. */
export function exportRoutes(server: HttpServer, ports: ExportPorts, auth: OperatorAuth): void {
  server.get("/v1/export", { schema: { querystring: query } }, async (request, reply) => {
    const { tenant, format, kind: kinds, cursor: after, limit = Number.POSITIVE_INFINITY, ...filter } = request.query;
    const operator = await auth.authenticate(request.headers.authorization);
    await operator.read(tenant, "export", ...readers);
    ports.exportSignals.entriesExported({ tenant, by: operator.user, format, after });
    const lines = exportEntries(ports, { tenant, format, after, limit, filter: { ...filter, kinds } });
    return reply.type(mediaTypes[format]).send(Readable.from(lines));
  });
}
