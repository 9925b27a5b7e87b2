import type { Command } from "commander";
import { type Hold, type HoldScope, type Retention, retentionClient } from "../clients/retention.ts";
import { action } from "../context.ts";
import { instant } from "../instants.ts";
import { table } from "../output.ts";

/** `aegis audit retention` and `aegis audit hold`: how long entries stay, and what keeps them longer. */
export function retentionCommands(audit: Command): void {
  audit
    .command("retention")
    .description("how long entries stay, which have left, and what is held")
    .action(
      action<object, []>(async (context) => {
        const retention = await (await retentionClient(context)).show();
        context.output.result(retention, () => describe(retention));
      }),
    );
  const hold = audit.command("hold").description("legal holds: what they cover survives retention until they are released");
  hold
    .command("list")
    .description("list a tenant's holds, released ones too")
    .action(
      action<object, []>(async (context) => {
        const holds = await (await retentionClient(context)).holds();
        context.output.result(holds, () => (holds.length === 0 ? "no holds" : holdTable(holds)));
      }),
    );
  hold
    .command("place")
    .description("keep a tenant's entries, or those of an agent, a prompt or a time; who placed it and why is recorded in the ledger")
    .requiredOption("--reason <text>", "why: the matter it serves")
    .option("--agent <name>", "only this agent's entries")
    .option("--prompt <id>", "only this prompt's entries")
    .option("--from <time>", "only what occurred from then on: a time, or how long ago, as 30d")
    .option("--to <time>", "only what occurred before")
    .action(
      action<HoldScope & { reason: string }, []>(async (context, { reason, agent, prompt, from, to }) => {
        const scope = { agent, prompt, from: from && instant(from), to: to && instant(to) };
        const placed = await (await retentionClient(context, "admin")).place(reason, scope);
        context.output.result(placed, () => `placed ${placed.id}`);
      }),
    );
  hold
    .command("release")
    .description("end a hold; what retention has passed leaves with the next round")
    .argument("<id>")
    .requiredOption("--reason <text>", "why")
    .action(
      action<{ reason: string }, [string]>(async (context, { reason }, id) => {
        await (await retentionClient(context, "admin")).release(id, reason);
        context.output.result({ released: id }, () => `released ${id}`);
      }),
    );
}

function describe({ days, retired, oldest, months, holds }: Retention): string {
  const gone = retired.entries === 0 ? "none has left" : `${retired.entries} have left, the last of them ${retired.last}`;
  const partitions = months.map(({ name, until, bytes }) => [name, until ?? "", `${(bytes / 1_048_576).toFixed(1)} MiB`]);
  return [
    `entries stay ${days} days; ${gone}; the oldest is of ${oldest ?? "never"}`,
    table(["partition", "until", "size"], partitions),
    holds.length === 0 ? "no holds" : holdTable(holds),
  ].join("\n");
}

const holdTable = (holds: readonly Hold[]): string =>
  table(
    ["id", "covers", "reason", "placed", "released"],
    holds.map(({ id, reason, placedBy, placedAt, released, ...scope }) => [
      id,
      covers(scope),
      reason,
      `${placedAt} by ${placedBy}`,
      released === undefined ? "" : `${released.at} by ${released.by}: ${released.reason}`,
    ]),
  );

function covers({ agent, prompt, from, to }: HoldScope): string {
  const parts = Object.entries({ agent, prompt, from, to }).flatMap(([name, value]) => (value === undefined ? [] : [`${name} ${value}`]));
  return parts.length === 0 ? "everything" : parts.join(", ");
}
