import type { SpoolFiles } from "./files.ts";
import { type Damage, SegmentReader } from "./reader.ts";
import { parseSegment, type Segment } from "./segment.ts";

export interface Recovered {
  /** What is left to publish, oldest first. */
  readonly segments: Segment[];
  readonly nextOrdinal: number;
}

/**
 * Lists what earlier runs left. The last segment of each epoch may end in a torn record: that tail is cut off and reported.
 * Damage further in is left alone; whoever reads the segment steps over it and reports it then.
 */
export async function recover(directory: string, files: SpoolFiles, onTorn: (damage: Damage) => void): Promise<Recovered> {
  const found = (await files.list(directory)).map((name) => parseSegment(directory, name)).filter((segment) => segment !== undefined);
  found.sort((a, b) => a.ordinal - b.ordinal);
  const segments: Segment[] = [];
  for (const [index, segment] of found.entries()) {
    segment.bytes = await files.size(segment.path);
    const next = found[index + 1];
    // Within an epoch sequences are contiguous, so only the epoch's last segment needs to be read to know where it ends.
    if (next?.epoch === segment.epoch && next.first > segment.first) segment.last = next.first - 1;
    else await readEnd(segment, files, onTorn);
    if (segment.bytes === 0) await files.remove(segment.path);
    else segments.push(segment);
  }
  await files.syncDirectory(directory);
  return { segments, nextOrdinal: (found.at(-1)?.ordinal ?? 0) + 1 };
}

async function readEnd(segment: Segment, files: SpoolFiles, onTorn: (damage: Damage) => void): Promise<void> {
  const damages: Damage[] = [];
  const reader = new SegmentReader(segment, files, (damage) => damages.push(damage));
  try {
    for (let records = await reader.read(4096); records.length > 0; records = await reader.read(4096)) {
      segment.last = records.at(-1)?.sequence ?? segment.last;
    }
  } finally {
    await reader.close();
  }
  const tail = damages.find((damage) => damage.offset + damage.bytes === segment.bytes);
  if (!tail) return;
  onTorn(tail);
  await files.truncate(segment.path, tail.offset);
  segment.bytes = tail.offset;
}
