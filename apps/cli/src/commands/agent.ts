import { type Command, Option } from "commander";
import {
  type AgentRegistration,
  approveFingerprint,
  commandAgent,
  listAgents,
  type RegisteredAgent,
  registerAgent,
  showAgent,
} from "../clients/agents.ts";
import { action } from "../context.ts";
import { usage } from "../failure.ts";
import { table } from "../output.ts";
import { inventoryCommands } from "./inventory.ts";
import { items } from "./items.ts";
import { ceilingCommand } from "./proposals.ts";
import { agentStopCommands } from "./stop.ts";
import { summaries } from "./summaries.ts";
import { templateCommands } from "./template.ts";

interface RegisterOptions {
  agent: string;
  owner: string;
  scope?: string[];
  template?: string;
  mayAct?: string[];
  risk?: string;
  purpose?: string;
  kind?: string;
  org?: string;
  fingerprint?: string;
  inactive?: boolean;
}

const effects = {
  activate: "let an agent that is only registered mint tokens",
  suspend: "stop an agent at once; it can be resumed",
  resume: "let a suspended agent go on",
  retire: "end an agent that is no longer needed; it never comes back",
} as const;

/** `aegis agent`: the registry of agents. */
export function agentCommands(program: Command): void {
  const agent = program.command("agent").description(summaries.agent);
  agent
    .command("register")
    .description("register an agent and make its key; the private half is written to keyFile and never shown")
    .requiredOption("--agent <name>", "the agent's name in its tenant")
    .requiredOption("--owner <person>", "who answers for it, e.g. alice@acme.test")
    .option("--scope <items...>", "the widest scope it can ever have, e.g. 'stripe-payments:*'; needed without a template")
    .option("--template <name>", "take what is left out here from a template; nothing may be wider")
    .option("--may-act <agents...>", "agents on whose tokens it may act")
    .addOption(new Option("--risk <tier>", "risk tier").choices(["low", "medium", "high"]))
    .addOption(new Option("--kind <kind>", "what it is").choices(["generative", "agentic"]))
    .option("--purpose <text>", "what it is for")
    .option("--org <name>", "refuse it unless this is the tenant's organisation")
    .option("--fingerprint <digest>", "what it is made of, as approved: sha256:…")
    .option("--inactive", "only register it: it mints nothing until aegis agent activate")
    .action(
      action<RegisterOptions, []>(async (context, options) => {
        if (options.scope === undefined && options.template === undefined) throw usage("--scope or --template must be given");
        const registered = await registerAgent(context, registrationOf(context.tenant(), options));
        context.output.result(registered, () => `registered ${registered.clientId}; its key is in ${registered.keyFile}`);
      }),
    );
  agent
    .command("list")
    .description("list the agents of a tenant")
    .action(
      action(async (context) => {
        const agents = await listAgents(context, context.tenant());
        context.output.result(agents, () => (agents.length === 0 ? "no agents" : describe(agents)));
      }),
    );
  agent
    .command("show")
    .description("show one agent")
    .argument("<agent>")
    .action(
      action<object, [string]>(async (context, _options, name) => {
        const shown = await showAgent(context, context.tenant(), name);
        context.output.result(shown, () => describe([shown]));
      }),
    );
  agent
    .command("approve-fingerprint")
    .description("say what an agent is made of; its tokens carry the digest, and policies can refuse what differs (onDrift)")
    .argument("<agent>")
    .argument("<digest>", "sha256: and 64 hexadecimal digits")
    .action(
      action<object, [string, string]>(async (context, _options, name, fingerprint) => {
        const changed = await approveFingerprint(context, context.tenant(), name, fingerprint);
        context.output.result(changed, () => `${changed.agent} is ${changed.fingerprint}`);
      }),
    );
  agentStopCommands(agent);
  inventoryCommands(agent);
  ceilingCommand(agent);
  templateCommands(agent);
  for (const command of ["activate", "suspend", "resume", "retire"] as const) {
    agent
      .command(command)
      .description(effects[command])
      .argument("[agent]")
      .option("--agent <name>", "the agent, when it is not the argument")
      .action(
        action<{ agent?: string }, [string | undefined]>(async (context, options, name) => {
          const changed = await commandAgent(context, context.tenant(), required(name ?? options.agent), command);
          context.output.result(changed, () => `${changed.agent} is ${changed.state}`);
        }),
      );
  }
}

function required(name: string | undefined): string {
  if (name === undefined) throw usage("say which agent is meant");
  return name;
}

function registrationOf(tenant: string, { scope, mayAct, inactive, ...given }: RegisterOptions): AgentRegistration {
  const { agent, owner, template, risk, purpose, kind, org, fingerprint } = given;
  const lists = { scope: scope && items(scope), mayAct: mayAct && items(mayAct) };
  const state = inactive === true ? "registered" : undefined;
  return { tenant, agent, owner, template, ...lists, risk, purpose, kind, org, fingerprint, state };
}

const describe = (agents: readonly RegisteredAgent[]): string =>
  table(
    ["agent", "state", "risk", "owner", "scope", "may act for"],
    agents.map((one) => [one.agent, one.state, one.risk, one.owner, one.scope.join(" "), one.mayAct.join(" ")]),
  );
