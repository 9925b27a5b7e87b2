import { setTimeout as delay } from "node:timers/promises";
import { AegisError } from "@aegis/contracts/errors";
import type { Context } from "../context.ts";
import { Failure } from "../failure.ts";
import { type Control, control, query } from "./control.ts";

export const exportFormats = ["ocsf", "ecs", "cef", "jsonl"] as const;

/** Which entries, and how they are written. */
export interface Selection {
  format?: string | undefined;
  kind?: string | undefined;
  agent?: string | undefined;
  tool?: string | undefined;
  decision?: string | undefined;
}

export interface ExportWindow {
  from?: string | undefined;
  to?: string | undefined;
  /** Only entries beyond this sequence. */
  cursor?: string | undefined;
  limit?: string | undefined;
}

const hour = 3_600_000;

const reader = (context: Context): Promise<Control> => control(context, "audit", { role: "soc", tenant: context.tenant() });

/** The lines of an export as they come, as bytes. */
export async function exportLines(context: Context, selection: Selection & ExportWindow): Promise<AsyncIterable<Uint8Array>> {
  const service = await reader(context);
  const response = await service.raw(`/v1/export${query({ tenant: context.tenant(), ...selection })}`, { timeoutMs: 24 * hour });
  if (response.body === null) throw new Failure("audit: the answer is empty");
  return response.body;
}

/** One server-sent event. */
export interface Streamed {
  /** The entry's sequence. */
  readonly id: string;
  readonly data: string;
}

/** Entries as they come, for ever: a connection that ends is made again and goes on behind the last entry. */
export async function* followEntries(context: Context, selection: Selection, after: string | undefined): AsyncGenerator<Streamed> {
  let last: string | undefined;
  for (let failures = 0; ; ) {
    try {
      const service = await reader(context);
      const path = `/v1/stream${query({ tenant: context.tenant(), ...selection, after })}`;
      const response = await service.raw(path, {
        timeoutMs: 24 * hour,
        ...(last === undefined ? {} : { headers: { "last-event-id": last } }),
      });
      for await (const event of serverSentEvents(response.body ?? [])) {
        failures = 0;
        last = event.id;
        yield event;
      }
    } catch (caught) {
      const cause = caught instanceof Failure ? caught.cause : caught;
      const lasting = cause instanceof AegisError && cause.code !== "unavailable" && cause.code !== "resource_exhausted";
      if (lasting || failures >= 10) throw caught;
    }
    failures++;
    await delay(Math.min(5_000, 250 * 2 ** failures));
  }
}

async function* serverSentEvents(body: AsyncIterable<Uint8Array> | readonly Uint8Array[]): AsyncGenerator<Streamed> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true });
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const lines = text.slice(0, end).split("\n");
      text = text.slice(end + 2);
      const field = (name: string) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      const [id, data] = [field("id"), field("data")];
      if (id !== undefined && data !== undefined) yield { id, data };
    }
  }
}
