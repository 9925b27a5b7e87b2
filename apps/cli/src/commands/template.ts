import { type Command, Option } from "commander";
import { addTemplate, listTemplates, removeTemplate } from "../clients/templates.ts";
import { action } from "../context.ts";
import { table } from "../output.ts";
import { items } from "./items.ts";

interface TemplateOptions {
  scope: string[];
  mayAct?: string[];
  risk?: string;
  kind?: string;
  purpose?: string;
}

/** `aegis agent template`: what agents of one sort are. */
export function templateCommands(agent: Command): void {
  const template = agent
    .command("template")
    .description("what agents of one sort are: agent register --template takes from it, and never more");
  template
    .command("add")
    .description("make a template; it is never changed, only removed")
    .argument("<name>")
    .requiredOption("--scope <items...>", "the widest scope of an agent made from it")
    .option("--may-act <agents...>", "agents on whose tokens such an agent may act")
    .addOption(new Option("--risk <tier>", "the lowest risk tier of such an agent").choices(["low", "medium", "high"]))
    .addOption(new Option("--kind <kind>", "what such an agent is").choices(["generative", "agentic"]))
    .option("--purpose <text>", "what such an agent is for")
    .action(
      action<TemplateOptions, [string]>(async (context, { scope, mayAct, risk, kind, purpose }, name) => {
        const lists = { scope: items(scope), mayAct: items(mayAct ?? []) };
        const made = await addTemplate(context, { tenant: context.tenant(), name, risk, kind, purpose, ...lists });
        context.output.result(made, () => `template ${made.name}: ${made.scope.join(" ")}`);
      }),
    );
  template
    .command("list")
    .description("list the templates of a tenant")
    .action(
      action(async (context) => {
        const found = await listTemplates(context, context.tenant());
        const rows = found.map((one) => [one.name, one.kind, one.risk, one.scope.join(" "), one.mayAct.join(" "), one.purpose]);
        context.output.result(found, () =>
          rows.length === 0 ? "no templates" : table(["template", "kind", "risk", "scope", "may act for", "purpose"], rows),
        );
      }),
    );
  template
    .command("remove")
    .description("remove a template; agents that were made from it stay as they are")
    .argument("<name>")
    .action(
      action<object, [string]>(async (context, _options, name) => {
        await removeTemplate(context, context.tenant(), name);
        context.output.result({ removed: name }, () => `removed ${name}`);
      }),
    );
}
