import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "hdr-histogram-js";

/** How long fdatasync(2) of 64 KiB appended takes on the disk that holds a bench's fabric, in milliseconds. */
export function measureDisk(milliseconds = 1_000): { readonly p50: number; readonly p99: number } {
  const directory = mkdtempSync(join(tmpdir(), "aegis-disk-"));
  const file = openSync(join(directory, "probe"), "a");
  const histogram = build({ lowestDiscernibleValue: 1, highestTrackableValue: 60_000_000, numberOfSignificantValueDigits: 3 });
  const bytes = Buffer.alloc(64 * 1024, 1);
  for (const until = performance.now() + milliseconds; performance.now() < until; ) {
    writeSync(file, bytes);
    const from = performance.now();
    fdatasyncSync(file);
    histogram.recordValue(Math.max(1, Math.round((performance.now() - from) * 1_000)));
  }
  closeSync(file);
  rmSync(directory, { recursive: true });
  return { p50: histogram.getValueAtPercentile(50) / 1_000, p99: histogram.getValueAtPercentile(99) / 1_000 };
}
