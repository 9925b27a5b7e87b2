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
  conversation?: string;
  botToken?: string;
  signingSecret?: string;
  appToken?: string;
  webhook?: string;
  smtp?: string;
  from?: string;
  to?: string[];
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
    .requiredOption("--kind <kind>", "webhook, slack, teams or email")
    .option("--queue <name>", "only this queue; may be given again (default: every queue)", several)
    .option("--after <seconds>", "tell only of what still waits then, to escalate", "0")
    .option("--url <url>", "webhook: where to post")
    .option("--secret <name>", "webhook: names the Standard Webhooks secret")
    .option("--conversation <id>", "slack: the id of the Slack channel")
    .option("--bot-token <name>", "slack: names the app's bot token")
    .option("--signing-secret <name>", "slack: names the app's signing secret")
    .option("--app-token <name>", "slack: names the app-level token, for Socket Mode where nothing may come in")
    .option("--webhook <name>", "teams: names the secret that is the Workflows webhook's URL")
    .option("--smtp <name>", "email: names the secret that is the server's URL, e.g. smtps://login:password@mail.acme.test")
    .option("--from <address>", "email: the sender")
    .option("--to <address>", "email: a recipient; may be given again", several)
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
  memberCommands(channel);
}

/** `aegis approvals channel member`: which person a platform's user is. */
function memberCommands(channel: Command): void {
  const member = channel.command("member").description("which person a platform's user is; whoever is registered may vote there");
  member
    .command("list")
    .description("list a channel's members")
    .argument("<channel>")
    .action(
      action<object, [string]>(async (context, _options, name) => {
        const list = await (await channelsClient(context)).members(name);
        context.output.result(list, () =>
          list.length === 0
            ? "no members"
            : table(
                ["member", "user"],
                list.map((one) => [one.member, one.user]),
              ),
        );
      }),
    );
  member
    .command("set")
    .description("register a platform's user, e.g. Slack's U012AB3CD, as a person")
    .argument("<channel>")
    .argument("<member>")
    .requiredOption("--user <user>", "the person, as their operator token names them")
    .action(
      action<{ user: string }, [string, string]>(async (context, { user }, name, id) => {
        const made = await (await channelsClient(context)).register(name, { member: id, user });
        context.output.result(made, () => `${made.member} is ${made.user}`);
      }),
    );
  member
    .command("remove")
    .description("a click of this platform's user counts no more")
    .argument("<channel>")
    .argument("<member>")
    .action(
      action<object, [string, string]>(async (context, _options, name, id) => {
        await (await channelsClient(context)).unregister(name, id);
        context.output.result({ removed: id }, () => `removed ${id}`);
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
    case "slack":
      return {
        kind: "slack",
        conversation: need("conversation"),
        botToken: need("botToken"),
        signingSecret: need("signingSecret"),
        ...(given.appToken === undefined ? {} : { appToken: given.appToken }),
      };
    case "teams":
      return { kind: "teams", webhook: need("webhook") };
    case "email":
      if (given.to === undefined) throw usage("a channel of kind email needs --to");
      return { kind: "email", smtp: need("smtp"), from: need("from"), to: given.to };
    default:
      throw usage(`"${given.kind}" is not a kind of channel: use webhook, slack, teams or email`);
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
    case "slack":
      return `slack ${target.conversation}${target.appToken === undefined ? "" : " (socket mode)"}`;
    case "teams":
      return "teams";
    case "email":
      return `email to ${target.to.join(", ")}`;
  }
}
