import { type Command, Option } from "commander";
import { exportFormats } from "../clients/exports.ts";
import { type Sink, type SinkTarget, sinksClient } from "../clients/sinks.ts";
import { action } from "../context.ts";
import { usage } from "../failure.ts";
import { table } from "../output.ts";

interface Given {
  kind: string;
  format?: string;
  only?: string;
  from: "start" | "now";
  url?: string;
  token?: string;
  acknowledge?: boolean;
  index?: string;
  apiKey?: string;
  host?: string;
  port: string;
  ca?: string;
  cert?: string;
  key?: string;
  subject?: string;
  user?: string;
  password?: string;
}

/** `aegis audit sinks`: where a tenant's entries are sent. */
export function sinkCommands(audit: Command): void {
  const sinks = audit
    .command("sinks")
    .description("where a tenant's entries are sent: Splunk, Elasticsearch, syslog over TLS, NATS, files");
  sinks
    .command("list")
    .description("list a tenant's sinks and how they are doing")
    .action(
      action<object, []>(async (context) => {
        const list = await (await sinksClient(context)).list();
        context.output.result(list, () => (list.length === 0 ? "no sinks" : describe(list)));
      }),
    );
  sinks
    .command("show")
    .description("show a sink, and the entries that its target refused for good")
    .argument("<name>")
    .action(
      action<object, [string]>(async (context, _options, name) => {
        const sink = await (await sinksClient(context)).show(name);
        context.output.result(sink, () =>
          [describe([sink]), ...(sink.rejections ?? []).map(({ sequence, reason }) => `${sequence} was refused: ${reason}`)].join("\n"),
        );
      }),
    );
  sinks
    .command("set")
    .description("make or change a sink; secrets are named, and lie as files <tenant>/<name> in the service's directory of secrets")
    .argument("<name>")
    .addOption(new Option("--kind <kind>", "what it is").choices(["splunk", "elastic", "syslog", "nats", "file"]).makeOptionMandatory())
    .addOption(new Option("--format <name>", "how entries are written (default: what is usual for the kind)").choices(exportFormats))
    .option("--only <kinds>", "only these kinds of entries: decision, outcome, control, quarantine, separated by commas")
    .addOption(new Option("--from <where>", "where a new sink begins").choices(["start", "now"]).default("now"))
    .option("--url <url>", "splunk, elastic, nats: where")
    .option("--token <name>", "splunk: names the collector's token")
    .option("--acknowledge", "splunk: wait until the indexers have it")
    .option("--index <name>", "elastic: the index or data stream; splunk: the index")
    .option("--api-key <name>", "elastic: names the API key")
    .option("--host <host>", "syslog: the receiver")
    .option("--port <port>", "syslog: its port", "6514")
    .option("--ca <name>", "syslog: names the authority's certificate in PEM (default: the usual authorities)")
    .option("--cert <name>", "syslog: names our certificate")
    .option("--key <name>", "syslog: names its key")
    .option("--subject <subject>", "nats: the subject; the tenant is added as a last token")
    .option("--user <name>", "nats: the login")
    .option("--password <name>", "nats: names its password")
    .action(
      action<Given, [string]>(async (context, options, name) => {
        const made = await (await sinksClient(context)).put(name, {
          target: targetOf(options),
          from: options.from,
          ...(options.format === undefined ? {} : { format: options.format }),
          ...(options.only === undefined ? {} : { kinds: options.only.split(",") }),
        });
        context.output.result(made, () => describe([made]));
      }),
    );
  sinks
    .command("remove")
    .description("remove a sink; what it had not been sent stays in the ledger")
    .argument("<name>")
    .action(
      action<object, [string]>(async (context, _options, name) => {
        await (await sinksClient(context)).remove(name);
        context.output.result({ removed: name }, () => `removed ${name}`);
      }),
    );
}

const given = (members: Readonly<Record<string, string | undefined>>): Record<string, string> =>
  Object.fromEntries(Object.entries(members).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));

function targetOf(options: Given): SinkTarget {
  const { url, token, acknowledge = false, index, apiKey, host, port, ca, cert, key, subject, user, password } = options;
  const need = (value: string | undefined, option: string): string => {
    if (value === undefined) throw usage(`a sink of kind ${options.kind} needs --${option}`);
    return value;
  };
  switch (options.kind) {
    case "splunk":
      return { kind: "splunk", url: need(url, "url"), token: need(token, "token"), acknowledge, ...given({ index }) };
    case "elastic":
      return { kind: "elastic", url: need(url, "url"), index: need(index, "index"), ...given({ apiKey }) };
    case "syslog":
      return { kind: "syslog", host: need(host, "host"), port: Number(port), ...given({ ca, cert, key }) };
    case "nats":
      return { kind: "nats", url: need(url, "url"), subject: need(subject, "subject"), ...given({ user, password }) };
    default:
      return { kind: "file" };
  }
}

const describe = (sinks: readonly Sink[]): string =>
  table(["name", "to", "format", "state", "behind", "delivered", "refused", "last error"], sinks.map(rowOf));

const rowOf = ({ name, target, format, state, behind, delivered, rejected, lastError }: Sink): (string | number)[] => [
  name,
  target.kind === "file" ? "file" : `${target.kind} ${target.kind === "syslog" ? `${target.host}:${target.port}` : target.url}`,
  format,
  state,
  behind,
  delivered,
  rejected,
  lastError ?? "",
];
