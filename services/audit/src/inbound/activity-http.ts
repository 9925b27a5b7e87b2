import { tenantName } from "@aegis/contracts/names";
import type { OperatorAuth } from "@aegis/http/operator";
import type { HttpServer } from "@aegis/http/server";
import { z } from "zod";
import { graph } from "#usecases/graph.ts";
import type { PersonalPorts } from "#usecases/personal-ports.ts";
import type { Ports } from "#usecases/ports.ts";
import { showEvents } from "#usecases/show-events.ts";
import { timeline } from "#usecases/timeline.ts";
import { entryJson } from "./entry-json.ts";
import { cursor, instantText, readers } from "./ledger-query.ts";

const name = z.string().min(1).max(512);

const timelineQuery = z.object({
  tenant: tenantName,
  from: instantText.optional(),
  to: instantText.optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  cursor: cursor.optional(),
});

/** What the ledger tells of doings: who delegated to whom, and everything one agent did. */
export function activityRoutes(server: HttpServer, ports: Pick<Ports, "entries" | "clock"> & PersonalPorts, auth: OperatorAuth): void {
  const [draw, follow, events] = [graph(ports), timeline(ports), showEvents(ports)];

  const params = z.object({ kind: z.enum(["session", "prompt"]), id: name });
  server.get("/v1/graph/:kind/:id", { schema: { params, querystring: z.object({ tenant: tenantName }) } }, async (request) => {
    const { tenant } = request.query;
    await (await auth.authenticate(request.headers.authorization)).read(tenant, "activity", ...readers);
    return draw(tenant, request.params.kind, request.params.id);
  });

  const agent = z.object({ agent: name });
  server.get("/v1/agents/:agent/timeline", { schema: { params: agent, querystring: timelineQuery } }, async (request) => {
    const { tenant, cursor: before, ...window } = request.query;
    await (await auth.authenticate(request.headers.authorization)).read(tenant, "activity", ...readers);
    const { agent } = request.params;
    const found = await follow({ tenant, agent, before, ...window });
    const next = found.entries.length === window.limit ? found.entries.at(-1)?.columns.sequence : undefined;
    const told = await events(tenant, found.entries, { kind: "withheld" });
    const entries = found.entries.map((entry, index) => entryJson(entry, told[index]));
    return { agent, ...found, entries, ...(next === undefined ? {} : { next: String(next) }) };
  });
}
