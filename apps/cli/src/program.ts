import { Command, Option } from "commander";
import { agentCommands } from "./commands/agent.ts";
import { approvalsCommands } from "./commands/approvals.ts";
import { auditCommands } from "./commands/audit.ts";
import { budgetCommands } from "./commands/budget.ts";
import { checkCommands } from "./commands/check.ts";
import { completionCommands } from "./commands/completion.ts";
import { demoCommands } from "./commands/demo.ts";
import { fabricCommands } from "./commands/fabric.ts";
import { operatorCommands } from "./commands/operator.ts";
import { policyCommands } from "./commands/policy.ts";
import { stopCommands } from "./commands/stop.ts";
import { suiteCommands } from "./commands/suite.ts";
import { tokenCommands } from "./commands/token.ts";

const exitStatuses = `
Exit status: 0 ok · 1 refused or failed · 2 usage · 3 policy invalid · 4 policy tests failed · 5 verification failed.
AEGIS_ENDPOINTS and AEGIS_TENANT stand in for --endpoints and --tenant. AEGIS_DEBUG=1 shows stack traces.`;

/** The whole command tree. */
export function createProgram(): Command {
  const program = new Command("aegis")
    .description("Runtime policy, identity, approvals, budget and audit fabric for AI agents.")
    .version("0.1.0")
    .addOption(new Option("--json", "write one JSON document to stdout, nothing else"))
    .addOption(new Option("--tenant <name>", "the tenant that is meant"))
    .addOption(new Option("--endpoints <file>", "the endpoints.json of the fabric to use"))
    .addOption(new Option("--data-dir <directory>", "the fabric's data directory (default: .aegis/data of the clone)"))
    .showSuggestionAfterError(true)
    .showHelpAfterError("(--help shows what there is)")
    .addHelpText("beforeAll", ({ command }) => refuseUnknown(command))
    .addHelpText("after", exitStatuses);
  for (const add of [
    fabricCommands,
    demoCommands,
    suiteCommands,
    policyCommands,
    agentCommands,
    stopCommands,
    tokenCommands,
    operatorCommands,
    checkCommands,
    approvalsCommands,
    budgetCommands,
    auditCommands,
    completionCommands,
  ]) {
    add(program);
  }
  everyCommand(program, (command) =>
    command.exitOverride().configureHelp({ showGlobalOptions: true, helpWidth: process.stdout.columns ?? 110 }),
  );
  return program;
}

/** Help that was asked for a command that is not there is an error, not the help of the command above it. */
function refuseUnknown(command: Command): string {
  const word = command.args[0] === "help" ? command.args[1] : command.args[0];
  const known = command.commands.some((child) => child.name() === word);
  if (command.commands.length > 0 && word !== undefined && word !== "help" && !word.startsWith("-") && !known)
    command.error(`error: unknown command '${word}'`, { code: "commander.unknownCommand" });
  return "";
}

function everyCommand(command: Command, change: (command: Command) => void): void {
  change(command);
  for (const child of command.commands) everyCommand(child, change);
}
