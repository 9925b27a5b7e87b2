import { type Command, Option } from "commander";
import type { EntryFilter, LedgerEntry } from "../clients/ledger.ts";
import { instant } from "../instants.ts";
import { table } from "../output.ts";
import { rowOf } from "./audit-rows.ts";

/** Options that say which entries are meant. */
export function filtering(command: Command): Command {
  return command
    .addOption(
      new Option("--kind <kind>", "what it records").choices(["decision", "outcome", "control", "quarantine", "all"]).default("decision"),
    )
    .option("--agent <name>", "only this agent's")
    .option("--tool <name>", "only this tool's")
    .option("--action <name>", "only this action's")
    .option("--decision <name>", "only allow, deny, sanitize or approval_needed")
    .option("--reason <code>", "only those with this reason")
    .option("--policy-version <version>", "only those decided by this version of the policies")
    .option("--digest <digest>", "only this very call, by its action digest")
    .option("--prompt <id>", "only those under this prompt")
    .option("--session <id>", "only those of this session")
    .option("--about <id>", "whatever is about this decision or approval: outcomes, votes, overrides")
    .option("--from <time>", "only what occurred from then on: a time, or how long ago, as 15m, 2h or 7d")
    .option("--to <time>", "only what occurred before")
    .option("--id <id>", "only this decision or event");
}

const names = [
  ...["kind", "agent", "tool", "action", "decision", "reason", "policyVersion", "digest", "prompt", "session", "about", "id"],
] as readonly (keyof EntryFilter)[];

/** What the options of `filtering` ask the service for. */
export function filterOf(options: EntryFilter): EntryFilter {
  const named = Object.fromEntries(names.map((name) => [name, options[name]]));
  return { ...named, from: options.from && instant(options.from), to: options.to && instant(options.to) };
}

/** A table of entries. */
export const describeEntries = (entries: readonly LedgerEntry[]): string =>
  table(["time", "seq", "kind", "agent", "call", "decision", "reasons"], entries.map(rowOf));
