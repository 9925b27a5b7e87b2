import { Command, Option } from "commander";
import { summaries } from "./commands/summaries.ts";

type Add = (program: Command) => void;
type Name = keyof typeof summaries;

/**
 * The groups of commands, in the order of the help. Each is loaded when it is asked for: a kill switch does not wait for the policy
 * compiler to be read.
 */
const groups: readonly { readonly names: readonly Name[]; readonly load: () => Promise<Add> }[] = [
  { names: ["up", "down", "status"], load: async () => (await import("./commands/fabric.ts")).fabricCommands },
  { names: ["demo"], load: async () => (await import("./commands/demo.ts")).demoCommands },
  { names: ["test", "drill", "bench"], load: async () => (await import("./commands/suite.ts")).suiteCommands },
  { names: ["policy"], load: async () => (await import("./commands/policy.ts")).policyCommands },
  { names: ["agent"], load: async () => (await import("./commands/agent.ts")).agentCommands },
  { names: ["owner", "tenant"], load: async () => (await import("./commands/stop.ts")).stopCommands },
  { names: ["org"], load: async () => (await import("./commands/org.ts")).orgCommands },
  { names: ["proposals"], load: async () => (await import("./commands/proposals.ts")).proposalCommands },
  { names: ["token"], load: async () => (await import("./commands/token.ts")).tokenCommands },
  { names: ["operator"], load: async () => (await import("./commands/operator.ts")).operatorCommands },
  { names: ["check", "outcome"], load: async () => (await import("./commands/check.ts")).checkCommands },
  { names: ["approvals"], load: async () => (await import("./commands/approvals.ts")).approvalsCommands },
  { names: ["budget"], load: async () => (await import("./commands/budget.ts")).budgetCommands },
  { names: ["audit"], load: async () => (await import("./commands/audit.ts")).auditCommands },
  { names: ["spool"], load: async () => (await import("./commands/spool.ts")).spoolCommands },
  { names: ["completion"], load: async () => (await import("./commands/completion.ts")).completionCommands },
];

const exitStatuses = `
Exit status: 0 ok · 1 refused or failed · 2 usage · 3 policy invalid · 4 policy tests failed · 5 verification failed.
AEGIS_ENDPOINTS and AEGIS_TENANT stand in for --endpoints and --tenant. AEGIS_DEBUG=1 shows stack traces.`;

/** The command tree. Of the groups that `argv` does not name, only what the help says of them; without `argv`, the whole. */
export async function createProgram(argv?: readonly string[]): Promise<Command> {
  // The command that is run is a word of the line, so its group is here; another word that looks like a command does no harm.
  const isAsked = (names: readonly string[]) =>
    argv === undefined || argv.includes("completion") || names.some((name) => argv.includes(name));
  const summarized =
    (names: readonly Name[]): Add =>
    (program) => {
      for (const name of names) program.command(name).description(summaries[name]);
    };
  const added = await Promise.all(groups.map(({ names, load }) => (isAsked(names) ? load() : summarized(names))));
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
  for (const add of added) add(program);
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
