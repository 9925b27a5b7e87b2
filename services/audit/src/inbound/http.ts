import { Readable } from "node:stream";
import { tenantName } from "@aegis/contracts/names";
import type { OperatorRole } from "@aegis/contracts/operator";
import type { OperatorAuth } from "@aegis/http/operator";
import type { HttpServer } from "@aegis/http/server";
import type { PeerVerifier } from "@aegis/rpc/peer";
import { tenantKey } from "@aegis/tlog/checkpoint";
import { formatVerifierKey } from "@aegis/tlog/note";
import { z } from "zod";
import { exportLedger } from "#usecases/export.ts";
import type { PersonalPorts } from "#usecases/personal-ports.ts";
import type { Ports, StoredEntry } from "#usecases/ports.ts";
import { prove, receiptOf } from "#usecases/prove.ts";
import { recordedDecisions } from "#usecases/recorded-decisions.ts";
import { related } from "#usecases/related.ts";
import type { RetentionPorts } from "#usecases/retention-ports.ts";
import { type Personal, showEvents } from "#usecases/show-events.ts";
import { everyStatement } from "#usecases/statements.ts";
import { activityRoutes } from "./activity-http.ts";
import { entryJson, rowJson } from "./entry-json.ts";
import { entriesQuery, instantText, personalFor, personalQuery, readers } from "./ledger-query.ts";
import { personalRoutes } from "./personal-routes.ts";
import { retentionRoutes } from "./retention-http.ts";
import { tlogRoutes } from "./tlog-http.ts";

/** Who may read recorded decisions in bulk: a policy's author tries a draft on them. */
const analysts = [...readers, "policy-author"] as const satisfies readonly OperatorRole[];

/** Who may take out whole rows. */
const verifiers = ["auditor", "admin"] as const satisfies readonly OperatorRole[];

const inTenant = z.object({ tenant: tenantName });
/** As a row may name it: a tampered tenant need not be a tenant's name. */
const anyTenant = z.object({ tenant: z.string().min(1).max(512) });

/** Only rows beyond this sequence. */
const rowsQuery = z.object({ after: z.coerce.number().int().optional() });

const windowQuery = inTenant.extend({
  from: instantText,
  to: instantText,
  agent: z.string().optional(),
  /** Only entries beyond this sequence. */
  after: z.coerce.number().int().min(-1).optional(),
});

/** The ledger for operators: searches, proofs, and everything a verifier needs. */
export function ledgerRoutes(
  server: HttpServer,
  ports: Ports & PersonalPorts & RetentionPorts,
  auth: OperatorAuth,
  peer: PeerVerifier,
): void {
  const { entries, key } = ports;
  const ledger = exportLedger(ports);
  const [proven, receipt, about] = [prove(ports), receiptOf(ports), related(ports)];
  const events = showEvents(ports);
  const shown = async (tenant: string, found: readonly StoredEntry[], personal: Personal) => {
    const told = await events(tenant, found, personal);
    return found.map((entry, index) => entryJson(entry, told[index]));
  };
  const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");

  server.get("/v1/entries", { schema: { querystring: entriesQuery } }, async (request) => {
    const { tenant, kind, limit, cursor, personal, ...filter } = request.query;
    const operator = await auth.authenticate(request.headers.authorization);
    await operator.read(tenant, "ledger entries", ...readers);
    const how = personalFor(operator, tenant, personal);
    const of = kind === "all" || (filter.id ?? filter.about) !== undefined ? undefined : kind;
    const found = await entries.find(tenant, { ...filter, kind: of, before: cursor }, limit);
    const next = found.length === limit ? found.at(-1)?.columns.sequence : undefined;
    return { entries: await shown(tenant, found, how), ...(next === undefined ? {} : { next: String(next) }) };
  });

  server.get("/v1/decisions::export", { schema: { querystring: windowQuery } }, async (request, reply) => {
    const { tenant, after, ...window } = request.query;
    const operator = await auth.authenticate(request.headers.authorization);
    await operator.read(tenant, "recorded decisions", ...analysts);
    ports.signals.exported({ tenant, by: operator.user, from: window.from.toISOString(), to: window.to.toISOString() });
    return reply.type("application/x-ndjson").send(Readable.from(recordedDecisions(ports, tenant, window, after)));
  });

  server.get("/v1/decisions::usage", { schema: { querystring: windowQuery.omit({ after: true }) } }, async (request) => {
    const { tenant, ...window } = request.query;
    await (await auth.authenticate(request.headers.authorization)).read(tenant, "ledger entries", ...analysts);
    return { usage: await entries.usage(tenant, window) };
  });

  const one = { params: z.object({ id: z.string() }), querystring: inTenant.extend({ personal: personalQuery }) };
  server.get("/v1/decisions/:id", { schema: one }, async (request) => {
    const { tenant } = request.query;
    const operator = await auth.authenticate(request.headers.authorization);
    await operator.read(tenant, "ledger entries", ...readers);
    const how = personalFor(operator, tenant, request.query.personal);
    const { entry, proof } = await proven(tenant, request.params.id);
    const { entries: others, sameCallBefore } = await about(tenant, entry);
    const [told, ...belonging] = await shown(tenant, [entry, ...others], how);
    return {
      entry: told,
      related: belonging,
      sameCallBefore,
      leaf: base64(entry.leaf),
      proof: proof === undefined ? null : { ...proof, hashes: proof.hashes.map(base64) },
      key: formatVerifierKey(tenantKey(key, tenant)),
    };
  });

  server.get("/v1/receipts/:id", { schema: { params: z.object({ id: z.string() }), querystring: inTenant } }, async (request) => {
    const { tenant } = request.query;
    await (await auth.authenticate(request.headers.authorization)).read(tenant, "ledger entries", ...readers);
    return receipt(tenant, request.params.id);
  });

  server.get("/v1/tenants", async (request) => {
    const operator = await auth.authenticate(request.headers.authorization);
    return { tenants: (await entries.tenants()).filter(({ tenant }) => operator.has(tenant, ...readers)) };
  });

  server.get("/v1/ledger/:tenant/rows", { schema: { params: anyTenant, querystring: rowsQuery } }, async (request, reply) => {
    const { tenant } = request.params;
    await (await auth.authenticate(request.headers.authorization)).read(tenant, "ledger entries", ...verifiers);
    async function* lines() {
      for await (const row of ledger.rows(tenant, request.query.after?.toString())) yield `${JSON.stringify(rowJson(row))}\n`;
    }
    return reply.type("application/x-ndjson").send(Readable.from(lines()));
  });

  server.get("/v1/ledger/:tenant/state", { schema: { params: anyTenant } }, async (request) => {
    const { tenant } = request.params;
    await (await auth.authenticate(request.headers.authorization)).read(tenant, "ledger entries", ...verifiers);
    return entries.state(tenant);
  });

  server.get("/v1/statements", async (request, reply) => {
    // A statement holds digests of every tenant's events.
    (await auth.authenticate(request.headers.authorization)).require("*", ...verifiers);
    async function* lines() {
      for await (const statement of everyStatement(ports)) yield `${JSON.stringify(statement)}\n`;
    }
    return reply.type("application/x-ndjson").send(Readable.from(lines()));
  });

  server.get("/v1/checkpoints/:tenant", { schema: { params: anyTenant } }, async (request) => {
    const { tenant } = request.params;
    await (await auth.authenticate(request.headers.authorization)).read(tenant, "ledger entries", ...readers);
    const own = tenantKey(key, tenant);
    const found = await ledger.checkpoints(tenant);
    return {
      tenant,
      origin: own.name,
      key: formatVerifierKey(own),
      ledgerKey: formatVerifierKey(key),
      checkpoints: found,
      cosignatures: await ports.cosignatures.all(tenant),
    };
  });

  activityRoutes(server, ports, auth);
  personalRoutes(server, ports, auth, peer);
  retentionRoutes(server, ports, auth);
  tlogRoutes(server, ports, auth);
}
