import { createWriteStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { type Command, Option } from "commander";
import { type ExportWindow, exportFormats, exportLines, followEntries, type Selection } from "../clients/exports.ts";
import type { LedgerEntry } from "../clients/ledger.ts";
import { exportLog } from "../clients/log-files.ts";
import { action, type Context } from "../context.ts";
import { usage } from "../failure.ts";
import { visible } from "../output.ts";
import { rowOf } from "./audit-rows.ts";
import { sinkCommands } from "./audit-sinks.ts";

/** `aegis audit export`, `tail` and `sinks`: what takes entries to a SOC. */
export function streamCommands(audit: Command): void {
  selecting(audit.command("tail").description("follow entries as they are ledgered, until Ctrl-C; with --json one document per line"))
    .option("--after <sequence>", "begin behind this entry (default: with what comes from now on)")
    .action(action<Selection & { after?: string }, []>((context, options) => tail(context, options)));
  selecting(audit.command("export").description("write entries in a SIEM's format, one a line, oldest first, or the log for verifiers"), [
    ...exportFormats,
    logFormat,
  ])
    .option("--from <time>", "only what occurred from then on, e.g. 2026-11-01T00:00:00Z")
    .option("--to <time>", "only what occurred before then")
    .option("--cursor <sequence>", "only entries behind this one: every record names its sequence")
    .option("--limit <n>", "at most so many")
    .option("--out <file>", "where to (default: stdout); for tlog, C2SP tiles, bundles and checkpoints, a directory")
    .action(action<Selection & ExportWindow & { out?: string }, []>((context, options) => exportEntries(context, options)));
  sinkCommands(audit);
}

/** Not lines of entries, but a tenant's whole log. */
const logFormat = "tlog";

function selecting(command: Command, formats: readonly string[] = exportFormats): Command {
  return command
    .addOption(new Option("--format <name>", "how each is written").choices(formats).default("jsonl"))
    .option(
      "--kind <kinds>",
      "only these: decision, outcome, control, quarantine, separated by commas (default: decision; all for every kind)",
    )
    .option("--agent <name>", "only this agent's")
    .option("--tool <name>", "only this tool's")
    .option("--decision <name>", "only allow, deny, sanitize or approval_needed");
}

const selectionOf = ({ format, kind = "decision", agent, tool, decision }: Selection): Selection => ({
  format,
  kind: kind === "all" ? undefined : kind,
  agent,
  tool,
  decision,
});

async function tail(context: Context, options: Selection & { after?: string }): Promise<void> {
  const readable = options.format === "jsonl" && !context.json;
  for await (const { data } of followEntries(context, selectionOf(options), options.after)) {
    process.stdout.write(`${readable ? visible(rowOf(JSON.parse(data) as LedgerEntry).join("  ")) : data}\n`);
  }
}

async function exportEntries(
  context: Context,
  { out, from, to, cursor, limit, ...selection }: Selection & ExportWindow & { out?: string },
) {
  if (selection.format === logFormat) return writeLog(context, out);
  const lines = await exportLines(context, { ...selectionOf(selection), from, to, cursor, limit });
  let entries = 0;
  async function* counted() {
    for await (const chunk of lines) {
      for (const byte of chunk) if (byte === 0x0a) entries++;
      yield chunk;
    }
  }
  if (out === undefined) return pipeline(counted, process.stdout, { end: false });
  await pipeline(counted, createWriteStream(out, { mode: 0o600 }));
  context.output.result({ entries, file: out }, () => `${entries} entries written to ${out}`);
}

async function writeLog(context: Context, out: string | undefined): Promise<void> {
  if (out === undefined) throw usage("say where to: --out DIRECTORY");
  const written = await exportLog(context, out);
  const text = `${written.size} entries in ${written.files} files under ${out}/${written.tenant}`;
  context.output.result({ ...written, directory: out }, () => text);
}
