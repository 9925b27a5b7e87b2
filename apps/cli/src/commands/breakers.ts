import type { Command } from "commander";
import { control, query } from "../clients/control.ts";
import { action } from "../context.ts";
import { usage } from "../failure.ts";
import { table } from "../output.ts";

interface BreakerLine {
  scope: string;
  state: "open" | "half_open";
  cause: string;
  since: string;
  until: string;
}

/** `aegis budget breakers` and `aegis budget reset`: who is paused, and letting them go on. */
export function breakerCommands(budget: Command): void {
  budget
    .command("breakers")
    .description("show which agents and prompts are paused by a circuit breaker")
    .action(
      action<object, []>(async (context) => {
        const tenant = context.tenant();
        const service = await control(context, "budget", { role: "soc", tenant });
        const lines = await service.json<BreakerLine[]>(`/v1/breakers${query({ tenant })}`);
        const rows = lines.map(({ scope, state, cause, since, until }) => [scope, state, cause, since, until]);
        context.output.result(lines, () =>
          rows.length === 0 ? "nobody is paused" : table(["scope", "state", "cause", "since", "until"], rows),
        );
      }),
    );
  budget
    .command("reset")
    .description("let an agent or a prompt that a circuit breaker paused go on at once")
    .argument("[agent]")
    .option("--prompt <id>", "the prompt, instead of an agent")
    .action(
      action<{ prompt?: string }, [string | undefined]>(async (context, { prompt }, agent) => {
        if ((agent === undefined) === (prompt === undefined)) throw usage("say which agent, or with --prompt which prompt, is meant");
        const tenant = context.tenant();
        const service = await control(context, "budget", { role: "soc", tenant });
        const name = encodeURIComponent(prompt === undefined ? String(agent) : `prompt/${prompt}`);
        const done = await service.json<{ scope: string; reset: boolean }>(`/v1/breakers/${name}:reset${query({ tenant })}`, {
          method: "POST",
        });
        context.output.result(done, () => (done.reset ? `${done.scope} goes on` : `${done.scope} was not paused`));
      }),
    );
}
