import { asLine, type ExportFormat } from "#domain/export/formats.ts";
import type { ExportFilter, ExportPorts } from "./export-ports.ts";
import { exportRecord } from "./export-record.ts";

const page = 500;

/** Entries as lines of a format, ascending, beyond the sequence `after`. A chunk holds many lines and only whole ones. */
export async function* exportEntries(
  { rows }: Pick<ExportPorts, "rows">,
  { tenant, format, after, limit, filter }: ExportRequest,
): AsyncGenerator<string> {
  let last = after;
  for (let left = limit; left > 0; ) {
    const found = await rows.beyond(tenant, last, Math.min(page, left), filter);
    if (found.length === 0) return;
    yield found.map((entry) => `${asLine(format, exportRecord(entry))}\n`).join("");
    left -= found.length;
    last = found.at(-1)?.columns.sequence ?? last;
  }
}

export interface ExportRequest {
  readonly tenant: string;
  readonly format: ExportFormat;
  /** -1 for all. */
  readonly after: number;
  readonly limit: number;
  readonly filter: ExportFilter;
}
