import type { ExportRecord } from "./record.ts";

/** The entry as Aegis itself shows it: its columns, and the event. */
export function jsonlRecord({ occurredMs: _occurred, recordedMs: _recorded, ...record }: ExportRecord): Record<string, unknown> {
  return record;
}
