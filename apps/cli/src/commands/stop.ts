import type { Command } from "commander";
import { isProposed } from "../clients/proposals.ts";
import { delegationsOf, type Stopped, stopAll } from "../clients/stops.ts";
import { action, type Context } from "../context.ts";
import { usage } from "../failure.ts";
import { table } from "../output.ts";
import { waiting } from "./proposals.ts";
import { summaries } from "./summaries.ts";
import { tenantStreamCommand } from "./tenant-stream.ts";

interface StopOptions {
  agent?: string;
  timeout: string;
}

/** `aegis agent revoke` and `aegis agent delegations`. */
export function agentStopCommands(agent: Command): void {
  stopping(agent.command("revoke"), "stop an agent for good, and every token and delegation below it")
    .argument("[agent]")
    .option("--agent <name>", "the agent, when it is not the argument")
    .action(
      action<StopOptions, [string | undefined]>(async (context, options, name) => {
        const given = name ?? options.agent;
        if (given === undefined) throw usage("say which agent is meant");
        return stopped(context, { kind: "agent", tenant: context.tenant(), name: given }, options);
      }),
    );
  agent
    .command("delegations")
    .description("show the delegated tokens that act through an agent and still live")
    .argument("<agent>")
    .action(
      action<object, [string]>(async (context, _options, name) => {
        const found = await delegationsOf(context, context.tenant(), name);
        const rows = found.map((one) => [one.chain.join(" ← "), one.scope, one.expiresAt, one.revoked ? "revoked" : "", one.tokenId]);
        context.output.result(found, () =>
          rows.length === 0 ? "no delegations" : table(["who ← for whom", "scope", "until", "", "token"], rows),
        );
      }),
    );
}

/** `aegis owner` and `aegis tenant`: the kill switches over many agents. */
export function stopCommands(program: Command): void {
  const owner = program.command("owner").description(summaries.owner);
  stopping(owner.command("revoke"), "stop every agent of an owner for good; nothing new is registered under that name")
    .argument("<owner>")
    .action(
      action<StopOptions, [string]>((context, options, name) =>
        stopped(context, { kind: "owner", tenant: context.tenant(), name }, options),
      ),
    );
  const tenant = program.command("tenant").description(summaries.tenant);
  tenantStreamCommand(tenant);
  stopping(tenant.command("revoke"), "stop every agent of a tenant for good; nothing new is registered in it")
    .argument("[tenant]", "the tenant, when --tenant does not say it")
    .action(
      action<StopOptions, [string | undefined]>((context, options, given) => {
        const name = given ?? context.tenant();
        if ((context.optionalTenant ?? name) !== name) throw usage("the argument and --tenant name two tenants");
        return stopped(context, { kind: "tenant", tenant: name, name }, options);
      }),
    );
}

const stopping = (command: Command, description: string): Command =>
  command.description(description).option("--timeout <seconds>", "how long to wait until every replica has confirmed", "10");

/** Exit status 1 says that it is revoked, but not every replica has confirmed yet. */
async function stopped(context: Context, target: Pick<Stopped, "kind" | "tenant" | "name">, { timeout }: StopOptions): Promise<number> {
  const seconds = Number(timeout);
  if (!(seconds >= 0 && seconds <= 30)) throw usage("--timeout takes 0 to 30 seconds");
  const told = await stopAll(context, target, seconds);
  if (isProposed(told)) {
    context.output.result(told, () => waiting(told.proposed));
    return 0;
  }
  context.output.result(told.kind === "agent" ? { ...told, agent: told.name } : told, () => report(told));
  return told.confirmed === told.replicas.length || seconds === 0 ? 0 : 1;
}

function report(told: Stopped): string {
  const { kind, name, agents, journaled, confirmed, replicas, tookMs } = told;
  const count = agents === undefined || kind === "agent" ? "" : ` (${agents.length} agents)`;
  const kept = journaled ? "; PostgreSQL is away: it is in the journal and is carried out there once it is back" : "";
  const enforced =
    replicas.length === 0
      ? "no replica of authz is live"
      : `stopped on ${confirmed}/${replicas.length} replicas${tookMs === undefined ? "" : ` in ${tookMs.toFixed(0)} ms`}`;
  const rows = replicas.map(({ replica, how, ms }) => [replica, how ?? "not confirmed", ms === undefined ? "" : `${ms.toFixed(1)} ms`]);
  return [
    `${kind} ${name} is revoked${count}${kept}`,
    enforced,
    ...(rows.length === 0 ? [] : [table(["replica", "heard by", "after"], rows)]),
  ].join("\n");
}
