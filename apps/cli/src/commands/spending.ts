import { type Command, Option } from "commander";
import { control, query } from "../clients/control.ts";
import { action } from "../context.ts";
import { csv } from "../csv.ts";
import { usage } from "../failure.ts";
import { table } from "../output.ts";
import { amountOf, type BudgetLine, describe, unitName, whole } from "./budget-lines.ts";
import { type Money, moneyIn } from "./money.ts";

interface Amounts {
  microUsd: number;
  tokens: number;
  actions: number;
  /** What of the money was spent in other currencies, in millionths of their units. */
  currencies?: Record<string, number>;
}

interface SpendLine extends Amounts {
  key: string;
  from?: string;
}

interface Units {
  usd?: string;
  money?: string;
  tokens?: string;
  actions?: string;
}

/** `aegis budget spend|forecast|prompts|usage`: what was spent, what will be, and for which prompt. */
export function spendingCommands(budget: Command): void {
  budget
    .command("spend")
    .description("show what was spent, the highest first")
    .addOption(new Option("--by <key>", "summed up by").choices(["agent", "tool", "tenant", "prompt"]).default("agent"))
    .option("--days <n>", "so many days back", "1")
    .addOption(new Option("--per <step>", "over time, by the tenant's clock").choices(["hour", "day", "month"]))
    .option("--csv", "as CSV (RFC 4180)")
    .action(
      action<{ by: string; days: string; per?: string; csv?: boolean }, []>(async (context, { by, days, per, ...options }) => {
        const tenant = context.tenant();
        const service = await control(context, "budget", { role: "finops", tenant });
        const rows = await service.json<SpendLine[]>(`/v1/spend${query({ tenant, by, days, per })}`);
        const header = [...(per === undefined ? [] : ["from"]), by, ...spentHeader];
        const cells = rows.map((row) => [...(per === undefined ? [] : [row.from ?? ""]), row.key, ...spent(row)]);
        context.output.result(rows, () => (options.csv ? csv([header, ...cells]) : table(header, cells)));
      }),
    );
  budget
    .command("forecast")
    .description("show what will be spent by the end of each window at the pace so far")
    .option("--agent <name>", "only this agent's")
    .action(
      action<{ agent?: string }, []>(async (context, { agent }) => {
        const tenant = context.tenant();
        const service = await control(context, "budget", { role: "finops", tenant });
        const lines = await service.json<(BudgetLine & { projected?: number; exhaustedAt?: string })[]>(
          `/v1/forecast${query({ tenant, agent })}`,
        );
        context.output.result(lines, () =>
          table(
            ["scope", "unit", "window", "limit", "settled", "projected", "exhausted at"],
            lines.map(({ scope, unit, window, limit, settled, projected, exhaustedAt = "" }) => [
              ...[scope, unitName(unit), window, amountOf(unit, limit), amountOf(unit, settled)],
              ...[projected === undefined ? "" : amountOf(unit, projected), exhaustedAt],
            ]),
          ),
        );
      }),
    );
  budget
    .command("prompts")
    .description("show which agents of a prompt spent what, or give it a quota before it fans out")
    .argument("<prompt>")
    .option("--usd <amount>", "at most so much money")
    .option("--money <amount>", 'at most so much of another currency, as "EUR 100"')
    .option("--tokens <n>", "at most so many model tokens")
    .option("--actions <n>", "at most so many calls")
    .option("--agent <name>", "with a quota: whose own share of the prompt counts, too")
    .action(
      action<Units & { agent?: string }, [string]>(async (context, options, prompt) => {
        const tenant = context.tenant();
        const service = await control(context, "budget", { role: "finops", tenant });
        const units = unitsOf(options);
        if (Object.keys(units).length === 0) {
          const tree = await service.json<(Amounts & { chain: string[] })[]>(
            `/v1/prompts/${encodeURIComponent(prompt)}/spend${query({ tenant })}`,
          );
          context.output.result(tree, () =>
            table(
              ["agent", ...spentHeader],
              tree.map((one) => [`${"  ".repeat(one.chain.length - 1)}${one.chain.at(-1)}`, ...spent(one)]),
            ),
          );
          return;
        }
        const json = { prompt, ...units, ...(options.agent !== undefined && { agent: options.agent }) };
        const answer = await service.json<{
          allocations: { unit: string; asked: number; allocated: number }[];
          available: BudgetLine[];
        }>(`/v1/prompts${query({ tenant })}`, { method: "POST", json });
        context.output.result(answer, () => describe(answer.available));
      }),
    );
  budget
    .command("usage")
    .description("report model tokens and money that an agent used outside tool calls; each id counts once")
    .argument("<id>")
    .requiredOption("--agent <name>", "who used them")
    .option("--prompt <id>", "for which prompt")
    .option("--session <id>", "in which session")
    .option("--usd <amount>", "money, in US dollars")
    .option("--money <amount>", 'instead: money of another currency, as "EUR 0.02"')
    .option("--tokens <n>", "model tokens")
    .action(
      action<Omit<Units, "actions"> & { agent: string; prompt?: string; session?: string }, [string]>(async (context, options, id) => {
        const tenant = context.tenant();
        const service = await control(context, "budget", { role: "finops", tenant });
        const units = unitsOf(options);
        if (Object.keys(units).length === 0) throw usage("say what was used: --usd, --money or --tokens");
        const { agent, prompt, session } = options;
        const json = { id, agent, ...units, ...(prompt !== undefined && { prompt }), ...(session !== undefined && { session }) };
        const answer = await service.json<{ recorded: boolean }>(`/v1/usage${query({ tenant })}`, { method: "POST", json });
        context.output.result(answer, () => (answer.recorded ? "recorded" : "recorded before"));
      }),
    );
}

/** Money of other currencies is part of that in US dollars. */
const spentHeader = ["usd", "tokens", "actions", "of it in other currencies"];

const spent = ({ microUsd, tokens, actions, currencies = {} }: Amounts): (string | number)[] => {
  const others = Object.entries(currencies).map(([currency, micro]) => `${currency} ${(micro / 1e6).toFixed(2)}`);
  return [(microUsd / 1e6).toFixed(2), tokens, actions, others.sort().join(" ")];
};

function unitsOf({ usd, money, tokens, actions }: Units): { microUsd?: number; money?: Money; tokens?: number; actions?: number } {
  return {
    ...(money !== undefined && { money: moneyIn(money) }),
    ...(usd !== undefined && { microUsd: whole(Math.round(Number(usd) * 1e6), usd) }),
    ...(tokens !== undefined && { tokens: whole(Number(tokens), tokens) }),
    ...(actions !== undefined && { actions: whole(Number(actions), actions) }),
  };
}
