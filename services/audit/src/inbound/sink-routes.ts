import { AegisError } from "@aegis/contracts/errors";
import { tenantName } from "@aegis/contracts/names";
import type { OperatorRole } from "@aegis/contracts/operator";
import type { OperatorAuth } from "@aegis/http/operator";
import type { HttpServer } from "@aegis/http/server";
import { entryKinds } from "@aegis/tlog/leaf";
import { z } from "zod";
import { exportFormats } from "#domain/export/formats.ts";
import { usualFormat } from "#domain/sink.ts";
import type { ExportPorts, SinkState } from "#usecases/export-ports.ts";

const watchers = ["admin", "soc", "auditor"] as const satisfies readonly OperatorRole[];

const inTenant = z.object({ tenant: tenantName });
const named = z.object({ name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/) });
const secretName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/);
const url = (...protocols: string[]) =>
  z
    .url()
    .max(2_000)
    .refine(
      (text) => {
        const { protocol, username, password } = new URL(text);
        return protocols.includes(protocol) && username === "" && password === "";
      },
      `must be a URL of ${protocols.join(" or ")} without a login`,
    );

const target = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("splunk"),
    url: url("https:", "http:"),
    token: secretName,
    index: z.string().max(255).optional(),
    acknowledge: z.boolean().default(false),
  }),
  z.strictObject({
    kind: z.literal("elastic"),
    url: url("https:", "http:"),
    index: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,254}$/),
    apiKey: secretName.optional(),
  }),
  z.strictObject({
    kind: z.literal("syslog"),
    host: z.string().regex(/^[A-Za-z0-9.:-]{1,253}$/),
    port: z.int().min(1).max(65_535).default(6514),
    ca: secretName.optional(),
    cert: secretName.optional(),
    key: secretName.optional(),
  }),
  z.strictObject({
    kind: z.literal("nats"),
    url: url("nats:", "tls:"),
    subject: z.string().regex(/^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/),
    user: z.string().max(255).optional(),
    password: secretName.optional(),
  }),
  z.strictObject({ kind: z.literal("file") }),
]);

const settings = z.strictObject({
  target,
  format: z.enum(exportFormats).optional(),
  /** Only entries of these kinds; all, when there are none. */
  kinds: z.array(z.enum(entryKinds)).default([]),
  /** Of a new sink: whether it begins with the first entry or with the next. */
  from: z.enum(["start", "now"]).default("now"),
});

/** A tenant's sinks: an admin's to change, since they decide who is told everything. */
export function sinkRoutes(server: HttpServer, ports: ExportPorts, auth: OperatorAuth): void {
  const { sinks, rows, exportSignals } = ports;
  const found = async (tenant: string, name: string) => {
    const sink = await sinks.find(tenant, name);
    if (sink === undefined) throw new AegisError("not_found", `${tenant} has no sink ${name}`);
    return sink;
  };

  server.get("/v1/sinks", { schema: { querystring: inTenant } }, async (request) => {
    const { tenant } = request.query;
    await (await auth.authenticate(request.headers.authorization)).read(tenant, "sinks", ...watchers);
    return { sinks: (await sinks.list(tenant)).map(view) };
  });

  server.get("/v1/sinks/:name", { schema: { params: named, querystring: inTenant } }, async (request) => {
    const { tenant } = request.query;
    await (await auth.authenticate(request.headers.authorization)).read(tenant, "sinks", ...watchers);
    const sink = await found(tenant, request.params.name);
    return { ...view(sink), rejections: await sinks.rejections(tenant, sink.name, 100) };
  });

  server.put("/v1/sinks/:name", { schema: { params: named, querystring: inTenant, body: settings } }, async (request) => {
    const { tenant } = request.query;
    const operator = await auth.authenticate(request.headers.authorization);
    operator.require(tenant, "admin");
    const { target: to, format = usualFormat[request.body.target.kind], kinds, from } = request.body;
    if (to.kind === "elastic" && format === "cef") throw new AegisError("invalid_argument", "Elasticsearch takes no CEF");
    const start = from === "start" ? -1 : await rows.newest(tenant);
    const { name } = request.params;
    if (!(await sinks.put(tenant, name, { target: to, format, kinds, start, by: operator.user })))
      throw new AegisError("resource_exhausted", `${tenant} has as many sinks as a tenant may have`);
    exportSignals.sinkChanged({ tenant, sink: name, by: operator.user, change: "set" });
    return view(await found(tenant, name));
  });

  server.delete("/v1/sinks/:name", { schema: { params: named, querystring: inTenant } }, async (request, reply) => {
    const { tenant } = request.query;
    const operator = await auth.authenticate(request.headers.authorization);
    operator.require(tenant, "admin");
    const { name } = request.params;
    if (!(await sinks.remove(tenant, name))) throw new AegisError("not_found", `${tenant} has no sink ${name}`);
    exportSignals.sinkChanged({ tenant, sink: name, by: operator.user, change: "removed" });
    return reply.status(204).send();
  });
}

const view = (sink: SinkState) => ({
  name: sink.name,
  target: sink.target,
  format: sink.format,
  kinds: sink.kinds,
  state: sink.failures > 0 ? "failing" : sink.behind > 0 ? "behind" : "up to date",
  cursor: sink.cursor,
  behind: sink.behind,
  delivered: sink.delivered,
  rejected: sink.rejected,
  lastSuccessAt: sink.lastSuccessAt,
  ...(sink.failures > 0 ? { failures: sink.failures, failingSince: sink.failingSince, lastError: sink.lastError } : {}),
  changedBy: sink.changedBy,
  changedAt: sink.changedAt,
});
