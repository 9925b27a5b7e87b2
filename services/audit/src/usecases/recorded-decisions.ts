import type { DecisionWindow, Ports } from "./ports.ts";

const page = 1_000;
const newline = Buffer.from("}\n");

/**
 * A window's decision events as JSON lines `{"sequence", "event"}`, ascending, from beyond `after`. A chunk holds many lines and only
 * whole ones; one page is in memory at a time, however many there are.
 */
export async function* recordedDecisions(
  { entries }: Pick<Ports, "entries">,
  tenant: string,
  window: DecisionWindow,
  after?: number,
): AsyncGenerator<Buffer> {
  for (let last = after; ; ) {
    const rows = await entries.decisions(tenant, window, last, page);
    if (rows.length > 0) yield Buffer.concat(rows.flatMap(({ sequence, event }) => [lineStart(sequence), oneLine(event), newline]));
    if (rows.length < page) return;
    last = rows.at(-1)?.sequence;
  }
}

const lineStart = (sequence: number): Buffer => Buffer.from(`{"sequence":${sequence},"event":`);

/** An event's bytes are its producer's: a line break between its members is still JSON, but would be two lines here. */
function oneLine(event: Uint8Array): Uint8Array {
  if (!event.includes(10)) return event;
  return Buffer.from(JSON.stringify(JSON.parse(Buffer.from(event).toString("utf8"))));
}
