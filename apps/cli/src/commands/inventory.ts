import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import { importAgents, listAgents } from "../clients/agents.ts";
import { inventoryOf } from "../clients/inventory.ts";
import { action } from "../context.ts";
import { Failure, usage } from "../failure.ts";
import { table } from "../output.ts";

/** `aegis agent inventory`, `export` and `import`. */
export function inventoryCommands(agent: Command): void {
  agent
    .command("inventory")
    .description("list agents with their last use, scopes no call needed, and scopes nobody has justified or looked at again in time")
    .option("--days <n>", "how far back to look for calls in the ledger", "30")
    .action(
      action<{ days: string }, []>(async (context, options) => {
        const days = Number(options.days);
        if (!(days > 0 && days <= 366)) throw usage("--days takes 1 to 366");
        const entries = await inventoryOf(context, context.tenant(), days);
        const rows = entries.map((one) => [
          ...[one.agent, one.state, one.risk, one.owner, one.lastIssuedAt ?? "never", one.lastCallAt ?? "never"],
          ...[one.unused.join(" "), [...new Set([...one.unjustified, ...one.overdue])].join(" ")],
        ]);
        context.output.result(entries, () =>
          table(["agent", "state", "risk", "owner", "last token", "last call", "unused scope", "to justify or review"], rows),
        );
      }),
    );
  agent
    .command("export")
    .description("write every registration of a tenant, one JSON document a line; keys are public halves")
    .action(
      action(async (context) => {
        const agents = await listAgents(context, context.tenant());
        context.output.result(agents, () => agents.map((one) => JSON.stringify(one)).join("\n"));
      }),
    );
  agent
    .command("import")
    .description("register what an export holds; what is there already is left alone, and a difference is an error")
    .argument("<file>", "JSON lines, as aegis agent export writes them")
    .option("--dry-run", "only say what would happen")
    .action(
      action<{ dryRun?: boolean }, [string]>(async (context, options, file) => {
        const lines = (await readFile(file, "utf8")).split("\n").filter((line) => line.trim() !== "");
        const given = lines.map((line, index) => parse(line, `${file}:${index + 1}`));
        const outcome = await importAgents(context, context.tenant(), given, options.dryRun === true);
        const rows = outcome.map((one) => [one.agent, one.outcome, one.differs?.join(", ")]);
        context.output.result(outcome, () => table(["agent", "", "differs in"], rows));
        return outcome.some((one) => one.outcome === "differs") ? 1 : 0;
      }),
    );
}

function parse(line: string, at: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === "object" && value !== null && typeof (value as { agent?: unknown }).agent === "string")
      return value as Record<string, unknown>;
  } catch {
    // Said below.
  }
  throw new Failure(`${at} is not an agent's registration: give one JSON document a line`);
}
