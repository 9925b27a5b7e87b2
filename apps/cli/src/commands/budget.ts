import { type Command, Option } from "commander";
import { type Control, control, query } from "../clients/control.ts";
import { action } from "../context.ts";
import { usage } from "../failure.ts";
import { breakerCommands } from "./breakers.ts";
import { type BudgetLine, describe, whole } from "./budget-lines.ts";
import { moneyIn } from "./money.ts";
import { spendingCommands } from "./spending.ts";
import { summaries } from "./summaries.ts";

interface SetOptions {
  usd?: string;
  money?: string;
  tokens?: string;
  actions?: string;
  lift?: string;
  window: string;
}

/** `aegis budget`: what may be spent, and what was. */
export function budgetCommands(program: Command): void {
  const budget = program.command("budget").description(summaries.budget);
  breakerCommands(budget);
  spendingCommands(budget);
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
    .argument("<scope>", "tenant, org, agent/NAME, tool/NAME, prompt/ID or session/ID")
    .option("--usd <amount>", "money, in US dollars")
    .option("--money <amount>", 'money of another currency, as "EUR 100"')
    .option("--tokens <n>", "model tokens")
    .option("--actions <n>", "allowed calls")
    .option("--lift <unit>", "take back the limit set here: usd, another currency as eur, tokens or actions")
    .addOption(
      new Option("--window <name>", "over which time").choices(["hour", "day", "week", "month", "prompt", "session"]).default("day"),
    )
    .action(
      action<SetOptions, [string]>(async (context, options, scope) => {
        const tenant = context.tenant();
        const service = await control(context, "budget", { role: "finops", tenant });
        const lines = await setLimits(service, tenant, scope, options);
        context.output.result(lines, () => (lines.length === 0 ? "lifted" : describe(lines)));
      }),
    );
}

async function setLimits(service: Control, tenant: string, scope: string, options: SetOptions): Promise<BudgetLine[]> {
  const limits: { unit: string; limit: number | null }[] = [];
  if (options.usd !== undefined) limits.push({ unit: "micro_usd", limit: whole(Math.round(Number(options.usd) * 1e6), options.usd) });
  if (options.money !== undefined) {
    const { currency, micro } = moneyIn(options.money);
    limits.push({ unit: `micro_${currency.toLowerCase()}`, limit: micro });
  }
  if (options.tokens !== undefined) limits.push({ unit: "tokens", limit: whole(Number(options.tokens), options.tokens) });
  if (options.actions !== undefined) limits.push({ unit: "actions", limit: whole(Number(options.actions), options.actions) });
  if (options.lift !== undefined) {
    if (!/^(?:tokens|actions|[a-z]{3})$/.test(options.lift)) throw usage(`"${options.lift}" is no unit: write usd, eur, tokens or actions`);
    limits.push({ unit: /^[a-z]{3}$/.test(options.lift) ? `micro_${options.lift}` : options.lift, limit: null });
  }
  if (limits.length === 0) throw usage("say the limit: --usd, --money, --tokens or --actions, or --lift UNIT");
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
