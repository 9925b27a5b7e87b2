import { Command, Option } from "commander";

type Add = (program: Command) => void;

/**
 * The groups of commands, in the order of the help. Each is loaded when it is asked for: a kill switch does not wait for the policy
 * compiler to be read.
 */
const groups: readonly { readonly names: readonly string[]; readonly load: () => Promise<Add> }[] = [
  { names: ["up", "down", "status"], load: async () => (await import("./commands/fabric.ts")).fabricCommands },
  { names: ["demo"], load: async () => (await import("./commands/demo.ts")).demoCommands },
  { names: ["test", "drill", "bench"], load: async () => (await import("./commands/suite.ts")).suiteCommands },
  { names: ["policy"], load: async () => (await import("./commands/policy.ts")).policyCommands },
  { names: ["agent"], load: async () => (await import("./commands/agent.ts")).agentCommands },
  { names: ["owner", "tenant"], load: async () => (await import("./commands/stop.ts")).stopCommands },
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

/** The command tree: only the group of the command that `argv` begins with, else the whole. */
export async function createProgram(argv: readonly string[] = []): Promise<Command> {
  const asked = groups.filter(({ names }) => names.some((name) => name === argv[0] && name !== "completion"));
  const added = await Promise.all((asked.length === 0 ? groups : asked).map(({ load }) => load()));
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
