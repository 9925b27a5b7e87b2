import type { DecisionWindow, Ports } from "./ports.ts";

const page = 1_000;

/**
 * A window's decision events as JSON lines `{"sequence", "event"}`, ascending, from beyond `after`. A chunk holds many lines and only
 * whole ones; one page is in memory at a time, however many there are.
 */
export async function* recordedDecisions(
  { entries }: Pick<Ports, "entries">,
  tenant: string,
  window: DecisionWindow,
  after?: number,
): AsyncGenerator<string> {
  for (let last = after; ; ) {
    const rows = await entries.decisions(tenant, window, last, page);
    if (rows.length > 0) yield rows.map(({ sequence, event }) => `{"sequence":${sequence},"event":${oneLine(event)}}\n`).join("");
    if (rows.length < page) return;
    last = rows.at(-1)?.sequence;
  }
}

/** An event is written as its producer wrote it: a line break between its members is still JSON, but would be two lines here. */
const oneLine = (event: string): string => (event.includes("\n") ? JSON.stringify(JSON.parse(event)) : event);
