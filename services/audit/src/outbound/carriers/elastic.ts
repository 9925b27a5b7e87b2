import { asObject } from "#domain/export/formats.ts";
import type { ExportRecord } from "#domain/export/record.ts";
import { noneTaken, type Rejection, type Settled } from "#domain/sink.ts";
import type { Carrier } from "#usecases/export-ports.ts";
import { inBodies } from "./http-batches.ts";
import type { CarrierTools } from "./splunk.ts";

interface BulkItem {
  readonly status?: number;
  readonly error?: { readonly type?: string; readonly reason?: string };
}

/**
 * Elasticsearch's bulk API. Every document has its event's id and is created, never changed: sent twice, it is there once, and in data
 * streams nothing else would do.
 */
export function elasticCarrier({ post, secret }: CarrierTools): Carrier {
  return async ({ tenant, target, format, records }) => {
    if (target.kind !== "elastic") return noneTaken("the sink is of another kind");
    if (format === "cef") return noneTaken("Elasticsearch takes no CEF: use ecs, ocsf or jsonl");
    const key = target.apiKey === undefined ? undefined : await secret(tenant, target.apiKey);
    const url = `${target.url.replace(/\/$/, "")}/_bulk`;
    const headers = {
      "content-type": "application/x-ndjson",
      "user-agent": "aegis-audit",
      ...(key === undefined ? {} : { authorization: `ApiKey ${key}` }),
    };
    const lines = (record: ExportRecord) => {
      const create = { _index: target.index, _id: `${record.tenant}-${record.sequence}` };
      return `${JSON.stringify({ create })}\n${JSON.stringify(timed(asObject[format](record), record))}\n`;
    };
    return inBodies(records, lines, async (items) => {
      const { status, body } = await post({ url, headers, body: items.map(({ text }) => text).join("") });
      if (status === 413) return "too large";
      if (status !== 200) return noneTaken(`Elasticsearch answered ${status}`);
      const answers = parse(body);
      if (answers?.length !== items.length) return noneTaken("Elasticsearch's answer cannot be understood");
      return settle(items, answers);
    });
  };
}

/** Data streams demand a time under this name. */
const timed = (document: Record<string, unknown>, { occurredAt }: ExportRecord) => ({ "@timestamp": occurredAt, ...document });

/** Order is kept: behind the first that must be tried again, nothing counts, and what was taken there is taken as known the next time. */
function settle(items: readonly { readonly record: ExportRecord }[], answers: readonly BulkItem[]): Settled {
  const rejected: Rejection[] = [];
  for (const [at, { status = 0, error }] of answers.entries()) {
    if ((status >= 200 && status < 300) || status === 409) continue;
    const why = `${status} ${error?.type ?? ""} ${error?.reason ?? ""}`.trim().slice(0, 300);
    if (status === 429 || status >= 500 || status < 400) return { settled: at, rejected, failure: `Elasticsearch: ${why}` };
    // Rights and a missing index are the target's affair, which somebody mends; a document that its mapping refuses stays refused.
    if (status === 401 || status === 403 || status === 404) return { settled: at, rejected, failure: `Elasticsearch: ${why}` };
    rejected.push({ sequence: items[at]?.record.sequence ?? -1, reason: why });
  }
  return { settled: items.length, rejected };
}

function parse(body: string): readonly BulkItem[] | undefined {
  try {
    const { items } = JSON.parse(body) as { items?: readonly Record<string, BulkItem>[] };
    return Array.isArray(items) ? items.map((item) => item.create ?? {}) : undefined;
  } catch {
    return undefined;
  }
}
