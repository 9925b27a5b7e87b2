import type { Command } from "commander";
import { type Channel, channelsClient, type Target } from "../clients/channels.ts";
import { action } from "../context.ts";
import { usage } from "../failure.ts";
import { table } from "../output.ts";

interface Given {
  kind: string;
  queue?: string[];
  after: string;
  url?: string;
  secret?: string;
}

const several = (value: string, before: string[] = []) => [...before, value];

/** `aegis approvals channel`: where people are told that calls wait for them. */
export function approvalChannelCommands(approvals: Command): void {
  const channel = approvals.command("channel").description("where people are told that calls wait for them");
  channel
    .command("list")
    .description("list a tenant's channels")
    .action(
      action<object, []>(async (context) => {
        const list = await (await channelsClient(context)).list();
        context.output.result(list, () => (list.length === 0 ? "no channels" : table(["name", "queues", "after", "to"], list.map(rowOf))));
      }),
    );
  channel
    .command("set")
    .description("make or replace a channel; secrets are named, and lie as files <tenant>/<name> in the service's directory of secrets")
    .argument("<name>")
    .requiredOption("--kind <kind>", "webhook")
    .option("--queue <name>", "only this queue; may be given again (default: every queue)", several)
    .option("--after <seconds>", "tell only of what still waits then, to escalate", "0")
    .option("--url <url>", "webhook: where to post")
    .option("--secret <name>", "webhook: names the Standard Webhooks secret")
    .action(
      action<Given, [string]>(async (context, options, name) => {
        const set = { queues: options.queue ?? [], afterSeconds: Number(options.after), target: targetOf(options) };
        const made = await (await channelsClient(context)).put(name, set);
        context.output.result(made, () => table(["name", "queues", "after", "to"], [rowOf(made)]));
      }),
    );
  channel
    .command("remove")
    .description("remove a channel; what it still had to say is dropped")
    .argument("<name>")
    .action(
      action<object, [string]>(async (context, _options, name) => {
        await (await channelsClient(context)).remove(name);
        context.output.result({ removed: name }, () => `removed ${name}`);
      }),
    );
}

function targetOf(given: Given): Target {
  const need = (option: keyof Given & string): string => {
    const value = given[option];
    if (typeof value !== "string")
      throw usage(`a channel of kind ${given.kind} needs --${option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`);
    return value;
  };
  switch (given.kind) {
    case "webhook":
      return { kind: "webhook", url: need("url"), secret: need("secret") };
    default:
      throw usage(`"${given.kind}" is not a kind of channel: use webhook`);
  }
}

const rowOf = ({ name, queues, afterSeconds, target }: Channel): string[] => [
  name,
  queues.join(", ") || "every",
  afterSeconds === 0 ? "at once" : `${afterSeconds} s`,
  placeOf(target),
];

function placeOf(target: Target): string {
  switch (target.kind) {
    case "webhook":
      return `webhook ${target.url}`;
  }
}
