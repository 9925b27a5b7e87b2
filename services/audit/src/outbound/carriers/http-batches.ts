import type { ExportRecord } from "#domain/export/record.ts";
import { allTaken, type Rejection, type Settled } from "#domain/sink.ts";

/** What collectors take in one request by default, with room for headers. */
const maxBodyBytes = 900_000;

/** One record as it stands in a body. */
interface Item {
  readonly record: ExportRecord;
  readonly text: string;
}

/**
 * Sends records in bodies of a bounded size, one after the other, and stops at the first that is not wholly settled.
 * `tooLarge` is what a target answers to a body beyond its own bound: then half of it is tried, and one record alone is refused for good.
 */
export async function inBodies(
  records: readonly ExportRecord[],
  textOf: (record: ExportRecord) => string,
  post: (items: readonly Item[]) => Promise<Settled | "too large">,
): Promise<Settled> {
  const items = records.map((record) => ({ record, text: textOf(record) }));
  const rejected: Rejection[] = [];
  let settled = 0;
  let bound = maxBodyBytes;
  while (settled < items.length) {
    const body = upTo(items, settled, bound);
    const outcome = await post(body);
    if (outcome === "too large") {
      if (body.length > 1) bound = Math.floor(bound / 2);
      else {
        const [only] = body;
        if (only !== undefined) rejected.push({ sequence: only.record.sequence, reason: "larger than the target takes" });
        settled++;
      }
      continue;
    }
    settled += outcome.settled;
    rejected.push(...outcome.rejected);
    if (outcome.failure !== undefined) return { settled, rejected, failure: outcome.failure };
    // A target that neither takes nor says why would be asked for ever.
    if (outcome.settled === 0) return { settled, rejected, failure: "the target took nothing and did not say why" };
  }
  return { ...allTaken(settled), rejected };
}

function upTo(items: readonly Item[], from: number, bound: number): readonly Item[] {
  let bytes = 0;
  let to = from;
  while (to < items.length) {
    bytes += Buffer.byteLength(items[to]?.text ?? "");
    if (bytes > bound && to > from) break;
    to++;
  }
  return items.slice(from, to);
}
