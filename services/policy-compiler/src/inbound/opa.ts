import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { AegisError } from "@aegis/contracts/errors";
import { tenantName } from "@aegis/contracts/names";
import type { Operator, OperatorAuth } from "@aegis/http/operator";
import type { HttpServer } from "@aegis/http/server";
import { z } from "zod";
import { takeDecisions, takeStatus } from "#usecases/opa-reports.ts";
import type { OpaPorts } from "#usecases/ports.ts";
import { decisionOf, instanceOf, statusReport } from "./opa-reports.ts";

const unzip = promisify(gunzip);

/** OPA itself sends chunks of 32 KiB, unless it is told otherwise. */
const maxBytes = 1024 * 1024;
const maxUnpackedBytes = 16 * 1024 * 1024;
const maxEntries = 20_000;

const params = z.object({ partition: tenantName });
const inTenantLabel = z.looseObject({ labels: z.looseObject({ tenant: tenantName }) });

/**
 * OPA's status and decision log services. The tenant is the partition (`partition_name: acme` in OPA's configuration), else the label
 * `tenant`. Who may report is an `enforcement-point`, or an admin, of that tenant.
 */
export async function opaRoutes(server: HttpServer, ports: OpaPorts, who: OperatorAuth): Promise<void> {
  await server.register(async (plain) => {
    const scope = plain as unknown as HttpServer;
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("*", { parseAs: "buffer", bodyLimit: maxBytes }, (_request, body, done) => done(null, body));
    const caller = async (authorization: string | undefined, tenant: string): Promise<Operator> => {
      const found = await who.authenticate(authorization);
      found.require(tenant, "enforcement-point", "admin");
      return found;
    };

    const status = async ({ headers, body }: Received, partition: string | undefined) => {
      const { user: by } = await who.authenticate(headers.authorization);
      const report = await read(body, headers["content-encoding"]);
      const tenant = partition ?? tenantIn(report);
      await caller(headers.authorization, tenant);
      const parsed = statusReport.safeParse(report);
      if (!parsed.success) throw new AegisError("invalid_argument", `this is no status report of an OPA: ${z.prettifyError(parsed.error)}`);
      await takeStatus(ports, tenant, instanceOf(parsed.data, { tenant, by, at: ports.clock.now().getTime() }));
      return {};
    };
    const logs = async ({ headers, body }: Received, partition: string | undefined) => {
      await who.authenticate(headers.authorization);
      const entries = z
        .array(z.unknown())
        .max(maxEntries)
        .safeParse(await read(body, headers["content-encoding"]));
      if (!entries.success) throw new AegisError("invalid_argument", `a decision log is an array of at most ${maxEntries} decisions`);
      if (partition === undefined && entries.data.length === 0) return { accepted: 0, repeated: 0, rejected: 0 };
      const tenant = partition ?? tenantIn(entries.data[0]);
      await caller(headers.authorization, tenant);
      const decisions = entries.data.map((entry) => decisionOf(entry, tenant)).filter((decision) => decision !== undefined);
      return takeDecisions(ports, tenant, decisions, entries.data.length - decisions.length);
    };

    scope.post("/status", (request) => status(request, undefined));
    scope.post("/status/:partition", { schema: { params } }, (request) => status(request, request.params.partition));
    scope.post("/logs", (request) => logs(request, undefined));
    scope.post("/logs/:partition", { schema: { params } }, (request) => logs(request, request.params.partition));
  });
}

interface Received {
  readonly headers: { readonly authorization?: string | undefined; readonly "content-encoding"?: string | undefined };
  readonly body: unknown;
}

/** The JSON of a body that may be packed. @throws AegisError `invalid_argument` for what is none, or unpacks to too much. */
async function read(body: unknown, encoding: string | undefined): Promise<unknown> {
  if (!Buffer.isBuffer(body)) throw new AegisError("invalid_argument", "there is no body");
  if (encoding !== undefined && encoding !== "gzip" && encoding !== "identity")
    throw new AegisError("invalid_argument", "the body may be packed with gzip, and with nothing else");
  const bytes = encoding === "gzip" ? await unpacked(body) : body;
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new AegisError("invalid_argument", "the body is no JSON", { cause });
  }
}

async function unpacked(body: Buffer): Promise<Buffer> {
  try {
    return await unzip(body, { maxOutputLength: maxUnpackedBytes });
  } catch (cause) {
    throw new AegisError("invalid_argument", `the body is no gzip stream, or unpacks to over ${maxUnpackedBytes} bytes`, { cause });
  }
}

function tenantIn(report: unknown): string {
  const parsed = inTenantLabel.safeParse(report);
  if (parsed.success) return parsed.data.labels.tenant;
  throw new AegisError(
    "invalid_argument",
    "the report names no tenant: set partition_name of status and decision_logs to it, or the label tenant, in OPA's configuration",
  );
}
