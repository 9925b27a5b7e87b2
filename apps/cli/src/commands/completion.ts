import { type Command, Option } from "commander";
import { completionScript, type Shell, shells } from "../completion.ts";
import { action } from "../context.ts";
import { usage } from "../failure.ts";
import { summaries } from "./summaries.ts";

/** `aegis completion`: a script for the shell, generated from the command tree. */
export function completionCommands(program: Command): void {
  program
    .command("completion")
    .description(summaries.completion)
    .argument("<shell>", shells.join(", "))
    .addOption(new Option("--name <program>", "the command to complete").default("aegis"))
    .action(
      action<{ name: string }, [string]>(async (context, options, shell) => {
        if (!shells.includes(shell as Shell)) throw usage(`there is no completion for "${shell}": use ${shells.join(", ")}`);
        const script = completionScript(program, shell as Shell, options.name);
        context.output.result({ script }, () => script);
      }),
    );
}
