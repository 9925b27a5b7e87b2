import { type Command, Option } from "commander";
import { type Control, control, query } from "../clients/control.ts";
import { action } from "../context.ts";
import { usage } from "../failure.ts";
import { table } from "../output.ts";
import { breakerCommands } from "./breakers.ts";

/** One account in its present window; micro_usd are millionths of a US dollar. */
interface BudgetLine {
  scope: string;
  unit: "micro_usd" | "tokens" | "actions";
  window: string;
  limit: number;
  reserved: number;
  settled: number;
  remaining: number;
}

interface SpendLine {
  key: string;
  microUsd: number;
  tokens: number;
  actions: number;
}

interface SetOptions {
  usd?: string;
  tokens?: string;
  actions?: string;
  lift?: string;
  window: string;
}

/** `aegis budget`: what may be spent, and what was. */
export function budgetCommands(program: Command): void {
  const budget = program.command("budget").description("limits on money, tokens and actions, and what was used of them");
  breakerCommands(budget);
  budget
    .command("show")
    .description("show a tenant's budgets, or those of one agent or prompt")
    .option("--agent <name>", "only this agent's")
    .option("--prompt <id>", "only this prompt's")
    .action(
      action<{ agent?: string; prompt?: string }, []>(async (context, options) => {
        const tenant = context.tenant();
        const service = await control(context, "budget", { role: "finops", tenant });
        const lines = await service.json<BudgetLine[]>(`/v1/budgets${query({ tenant, agent: options.agent, prompt: options.prompt })}`);
        context.output.result(lines, () => (lines.length === 0 ? "no budgets" : describe(lines)));
      }),
    );
  budget
    .command("set")
    .description("set a limit beside those of policies (the lowest wins)")
    .argument("<scope>", "tenant, agent/NAME, tool/NAME, prompt/ID or session/ID")
    .option("--usd <amount>", "money, in US dollars")
    .option("--tokens <n>", "model tokens")
    .option("--actions <n>", "allowed calls")
    .addOption(new Option("--lift <unit>", "take back the limit set here").choices(["usd", "tokens", "actions"]))
    .addOption(new Option("--window <name>", "over which time").choices(["day", "prompt", "session"]).default("day"))
    .action(
      action<SetOptions, [string]>(async (context, options, scope) => {
        const tenant = context.tenant();
        const service = await control(context, "budget", { role: "finops", tenant });
        const lines = await setLimits(service, tenant, scope, options);
        context.output.result(lines, () => (lines.length === 0 ? "lifted" : describe(lines)));
      }),
    );
  budget
    .command("spend")
    .description("show what was spent, the highest first")
    .addOption(new Option("--by <key>", "summed up by").choices(["agent", "tool", "tenant", "prompt"]).default("agent"))
    .option("--days <n>", "so many days back", "1")
    .action(
      action<{ by: string; days: string }, []>(async (context, options) => {
        const tenant = context.tenant();
        const service = await control(context, "budget", { role: "finops", tenant });
        const rows = await service.json<SpendLine[]>(`/v1/spend${query({ tenant, by: options.by, days: options.days })}`);
        context.output.result(rows, () =>
          table(
            [options.by, "usd", "tokens", "actions"],
            rows.map((row) => [row.key, (row.microUsd / 1e6).toFixed(2), row.tokens, row.actions]),
          ),
        );
      }),
    );
}

async function setLimits(service: Control, tenant: string, scope: string, options: SetOptions): Promise<BudgetLine[]> {
  const limits: { unit: BudgetLine["unit"]; limit: number | null }[] = [];
  if (options.usd !== undefined) limits.push({ unit: "micro_usd", limit: whole(Math.round(Number(options.usd) * 1e6), options.usd) });
  if (options.tokens !== undefined) limits.push({ unit: "tokens", limit: whole(Number(options.tokens), options.tokens) });
  if (options.actions !== undefined) limits.push({ unit: "actions", limit: whole(Number(options.actions), options.actions) });
  if (options.lift !== undefined)
    limits.push({ unit: options.lift === "usd" ? "micro_usd" : (options.lift as "tokens" | "actions"), limit: null });
  if (limits.length === 0) throw usage("say the limit: --usd, --tokens or --actions, or --lift UNIT");
  const lines: BudgetLine[] = [];
  for (const limit of limits) {
    lines.push(
      ...(await service.json<BudgetLine[]>(`/v1/budgets/${encodeURIComponent(scope)}${query({ tenant })}`, {
        method: "PUT",
        json: { ...limit, window: options.window },
      })),
    );
  }
  return lines;
}

function whole(value: number, text: string): number {
  if (!Number.isSafeInteger(value) || value < 0) throw usage(`"${text}" is not an amount: write a number of 0 or more`);
  return value;
}

const amount = (unit: string, value: number): string => (unit === "micro_usd" ? (value / 1e6).toFixed(2) : String(value));

const describe = (lines: readonly BudgetLine[]): string =>
  table(
    ["scope", "unit", "window", "limit", "reserved", "settled", "remaining"],
    lines.map(({ scope, unit, window, ...line }) => [
      scope,
      unit === "micro_usd" ? "usd" : unit,
      window,
      ...[line.limit, line.reserved, line.settled, line.remaining].map((value) => amount(unit, value)),
    ]),
  );
