import { cefLine } from "./cef.ts";
import { ecsRecord } from "./ecs.ts";
import { jsonlRecord } from "./jsonl.ts";
import { ocsfRecord } from "./ocsf.ts";
import type { ExportRecord } from "./record.ts";

/** What an entry can be written as. */
export const exportFormats = ["ocsf", "ecs", "cef", "jsonl"] as const;
export type ExportFormat = (typeof exportFormats)[number];

/** The entry as a JSON object of a format that has one. */
export const asObject: Readonly<Record<Exclude<ExportFormat, "cef">, (record: ExportRecord) => Record<string, unknown>>> = {
  ocsf: ocsfRecord,
  ecs: ecsRecord,
  jsonl: jsonlRecord,
};

/** The entry as one line, without its end. */
export function asLine(format: ExportFormat, record: ExportRecord): string {
  return format === "cef" ? cefLine(record) : JSON.stringify(asObject[format](record));
}

/** What a file or an answer of this format is. */
export const mediaTypes: Readonly<Record<ExportFormat, string>> = {
  ocsf: "application/x-ndjson",
  ecs: "application/x-ndjson",
  cef: "text/plain; charset=utf-8",
  jsonl: "application/x-ndjson",
};
