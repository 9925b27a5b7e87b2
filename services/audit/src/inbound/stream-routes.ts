import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { AegisError } from "@aegis/contracts/errors";
import type { OperatorAuth } from "@aegis/http/operator";
import type { HttpServer } from "@aegis/http/server";
import { z } from "zod";
import { asLine } from "#domain/export/formats.ts";
import type { ExportPorts } from "#usecases/export-ports.ts";
import { exportRecord } from "#usecases/export-record.ts";
import { selection } from "./export-routes.ts";
import { readers } from "./ledger-query.ts";
import type { News } from "./news.ts";

const query = selection.extend({
  /** Begin beyond this sequence, when there is no `Last-Event-ID`; without either, with what comes from now on. */
  after: z.coerce.number().int().min(-1).optional(),
});

const page = 200;
const heartbeatMs = 15_000;
/** A stream ends with its token, and after a day at the latest: timers do not reach further than 24 of them. */
const longestMs = 86_400_000;
/** Another instance's entries announce themselves to that one alone. */
const lookMs = 1_000;
const mostStreams = { ofTenant: 20, ofAll: 200 };

export interface StreamOptions {
  readonly news: News;
  /** Ends every stream, so that the server can close. */
  readonly stopping: AbortSignal;
}

/**
 * `GET /v1/stream`: entries as server-sent events while they come, each with its sequence as `id`, so that `Last-Event-ID` goes on
 * without a gap. What a slow reader has not taken is read from the ledger once it does: at most one page waits in memory for each.
 */
export function streamRoutes(server: HttpServer, ports: ExportPorts, auth: OperatorAuth, { news, stopping }: StreamOptions): void {
  const open = new Map<string, number>();

  server.get("/v1/stream", { schema: { querystring: query } }, async (request, reply) => {
    const { tenant, format, kind: kinds, after: from, ...filter } = request.query;
    const operator = await auth.authenticate(request.headers.authorization);
    await operator.read(tenant, "stream", ...readers);
    const given = lastEventId(request.headers["last-event-id"]) ?? from;
    const own = open.get(tenant) ?? 0;
    const all = [...open.values()].reduce((total, many) => total + many, 0);
    if (own >= mostStreams.ofTenant || all >= mostStreams.ofAll) throw new AegisError("resource_exhausted", "too many streams are open");
    open.set(tenant, own + 1);
    ports.exportSignals.streaming(1);
    const ended = new AbortController();
    const signal = AbortSignal.any([
      ended.signal,
      stopping,
      AbortSignal.timeout(Math.min(longestMs, Math.max(0, operator.expiresAt - Date.now()))),
    ]);
    try {
      // Where it begins is known before the answer begins: what is said after the answer's head is in it.
      let after = given ?? (await ports.rows.newest(tenant));
      reply.hijack();
      const { raw } = reply;
      raw.on("close", () => ended.abort());
      raw.on("error", () => ended.abort());
      raw.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store", "x-accel-buffering": "no" });
      await write(raw, `retry: 1000\n\n`, signal);
      for (let quiet = performance.now(); !signal.aborted; ) {
        const entries = await ports.rows.beyond(tenant, after, page, { ...filter, kinds });
        for (const entry of entries) {
          const record = exportRecord(entry);
          await write(raw, `id: ${record.sequence}\nevent: ${record.kind}\ndata: ${asLine(format, record)}\n\n`, signal);
          after = record.sequence;
        }
        if (entries.length > 0) quiet = performance.now();
        else if (performance.now() - quiet >= heartbeatMs) {
          await write(raw, ": still here\n\n", signal);
          quiet = performance.now();
        }
        if (entries.length === 0) await news.of(tenant, lookMs, signal);
      }
    } catch (error) {
      if (!reply.sent) throw error;
      if (!signal.aborted) ports.exportSignals.deliveryFailed(error);
    } finally {
      const left = (open.get(tenant) ?? 1) - 1;
      if (left > 0) open.set(tenant, left);
      else open.delete(tenant);
      ports.exportSignals.streaming(-1);
      if (reply.sent) reply.raw.end();
    }
    return reply;
  });
}

/** Resolves once there is room for more. */
async function write(raw: ServerResponse, text: string, signal: AbortSignal): Promise<void> {
  if (signal.aborted || raw.write(text)) return;
  await once(raw, "drain", { signal }).catch(() => undefined);
}

function lastEventId(header: string | string[] | undefined): number | undefined {
  if (header === undefined || header === "") return undefined;
  if (typeof header !== "string" || !/^\d{1,15}$/.test(header)) throw new AegisError("invalid_argument", "Last-Event-ID is no sequence");
  return Number(header);
}
