import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Poster } from "@aegis/http/outward";
import { asLine, asObject } from "#domain/export/formats.ts";
import { allTaken, noneTaken, type Settled } from "#domain/sink.ts";
import type { Carrier } from "#usecases/export-ports.ts";
import { inBodies } from "./http-batches.ts";

export interface CarrierTools {
  readonly post: Poster;
  readonly secret: (tenant: string, name: string) => Promise<string>;
}

interface Answer {
  readonly code?: number;
  readonly text?: string;
  readonly ackId?: number;
  readonly "invalid-event-number"?: number;
  readonly acks?: Readonly<Record<string, boolean>>;
}

/** HEC's codes that say something about an event rather than about the collector: no data, wrong format, no event, an empty one, bad fields. */
const aboutAnEvent: ReadonlySet<number> = new Set([5, 6, 12, 13, 15]);

const acknowledgeWithinMs = 30_000;

/** Splunk's HTTP Event Collector: events one after the other in a body. */
export function splunkCarrier({ post, secret }: CarrierTools): Carrier {
  return async ({ tenant, target, format, records }) => {
    if (target.kind !== "splunk") return noneTaken("the sink is of another kind");
    const token = await secret(tenant, target.token);
    // One channel for each batch: acknowledgements are numbered within it.
    const channel = randomUUID();
    const headers = {
      authorization: `Splunk ${token}`,
      "content-type": "application/json",
      "user-agent": "aegis-audit",
      ...(target.acknowledge ? { "x-splunk-request-channel": channel } : {}),
    };
    return inBodies(
      records,
      (record) =>
        JSON.stringify({
          time: record.occurredMs / 1000,
          host: record.tenant,
          source: "aegis",
          sourcetype: `aegis:${format}`,
          ...(target.index === undefined ? {} : { index: target.index }),
          event: format === "cef" ? asLine(format, record) : asObject[format](record),
        }),
      async (items) => {
        const { status, body } = await post({ url: target.url, headers, body: items.map(({ text }) => text).join("\n") });
        const answer = parse(body);
        if (status === 413) return "too large";
        if (status === 200 && (answer.code ?? 0) === 0) {
          if (!target.acknowledge) return allTaken(items.length);
          if (answer.ackId === undefined) return noneTaken("Splunk gives no acknowledgement: switch it on for this token");
          const indexed = await acknowledged(post, { url: ackUrl(target.url), headers, id: answer.ackId });
          return indexed ? allTaken(items.length) : noneTaken("Splunk has not indexed the events in time");
        }
        const at = answer["invalid-event-number"];
        if (status === 400 && at !== undefined && aboutAnEvent.has(answer.code ?? 0)) return withoutOne(items, at, answer.text);
        return noneTaken(`Splunk answered ${status}${answer.text === undefined ? "" : `: ${answer.text.slice(0, 200)}`}`);
      },
    );
  };
}

/** Those before the event that Splunk cannot use were taken, those behind it were not. */
function withoutOne(items: readonly { readonly record: { readonly sequence: number } }[], at: number, text: string | undefined): Settled {
  const record = items[at]?.record;
  if (record === undefined) return noneTaken("Splunk refused an event that was not sent");
  return { settled: at + 1, rejected: [{ sequence: record.sequence, reason: `Splunk: ${(text ?? "refused").slice(0, 200)}` }] };
}

async function acknowledged(
  post: Poster,
  { url, headers, id }: { readonly url: string; readonly headers: Readonly<Record<string, string>>; readonly id: number },
): Promise<boolean> {
  for (const until = Date.now() + acknowledgeWithinMs; Date.now() < until; await delay(250)) {
    const { status, body } = await post({ url, headers, body: JSON.stringify({ acks: [id] }) });
    if (status === 200 && parse(body).acks?.[String(id)] === true) return true;
  }
  return false;
}

/** `/services/collector/ack` stands beside whichever endpoint of the collector is used. */
const ackUrl = (url: string): string => new URL("/services/collector/ack", url).href;

function parse(body: string): Answer {
  try {
    return JSON.parse(body) as Answer;
  } catch {
    return {};
  }
}
