import { type Command, Option } from "commander";
import { type Bound, type Grant, type Group, grantsClient } from "../clients/grants.ts";
import { action } from "../context.ts";
import { usage } from "../failure.ts";
import { table } from "../output.ts";

interface GrantOptions {
  uses: string;
  expires: string;
  max: string[];
  min: string[];
  equals: string[];
  anyArguments?: boolean;
  anySubject?: boolean;
  comment: string;
  as?: string;
}

const as = () => new Option("--as <user>", "who says so (that user's own token from the dev issuer)");
const gather = (value: string, before: string[]): string[] => [...before, value];

/** `aegis approvals grant` and what belongs to it: leave for calls like one that was seen, and like requests as one. */
export function approvalGrantCommands(approvals: Command): void {
  approvals
    .command("grant")
    .description("give standing leave for calls like this one: same agent, call and rule, within bounds, so often, until then")
    .argument("<id>", "the approval that was asked")
    .requiredOption("--uses <n>", "how many calls may pass")
    .requiredOption("--expires <duration>", "for how long, e.g. 30m, 8h, 7d (at most 30d)")
    .option("--max <pointer=number>", "an argument is at most this, e.g. /amount=20000", gather, [])
    .option("--min <pointer=number>", "an argument is at least this", gather, [])
    .option("--equals <pointer=value>", "an argument is exactly this, e.g. /recipient=acct_7", gather, [])
    .option("--any-arguments", "whatever the arguments are, as far as the policy lets them")
    .option("--any-subject", "on whoever's behalf the agent acts")
    .option("--comment <text>", "why", "")
    .addOption(as())
    .action(
      action<GrantOptions, [string]>(async (context, options, id) => {
        const terms = {
          bounds: boundsOf(options),
          anyArguments: options.anyArguments === true,
          anySubject: options.anySubject === true,
          maxUses: wholeNumber(options.uses),
          expiresInSeconds: seconds(options.expires),
          comment: options.comment,
        };
        if (Object.keys(terms.bounds).length > 0 === terms.anyArguments)
          throw usage("say which arguments it is for: --max, --min or --equals, or --any-arguments");
        const client = await grantsClient(context, { tenant: context.optionalTenant, user: options.as });
        const grant = await client.grant(id, terms);
        context.output.result(grant, () => describe(grant));
      }),
    );
  approvals
    .command("grants")
    .description("list standing leave, newest first")
    .option("--agent <name>", "only this agent's")
    .action(
      action<{ agent?: string }, []>(async (context, { agent }) => {
        const tenant = context.tenant();
        const grants = await (await grantsClient(context, { tenant })).list({ tenant, agent });
        const heads = ["id", "state", "agent", "call", "bounds", "used", "backed by", "expires"];
        context.output.result(grants, () => (grants.length === 0 ? "no grants" : table(heads, grants.map(row))));
      }),
    );
  for (const [name, description] of [
    ["back", "stand behind a proposed grant, where its calls need more than one person"],
    ["revoke", "take a grant back: it lets nothing pass from now on"],
  ] as const) {
    approvals
      .command(name)
      .description(description)
      .argument("<grant>")
      .addOption(as())
      .action(
        action<{ as?: string }, [string]>(async (context, options, id) => {
          const client = await grantsClient(context, { tenant: context.optionalTenant, user: options.as });
          const grant = await client[name](id);
          context.output.result(grant, () => describe(grant));
        }),
      );
  }
  approvals
    .command("groups")
    .description("what waits, by what it has in common; answer a group by naming its ids to approve or deny")
    .action(
      action<object, []>(async (context) => {
        const tenant = context.tenant();
        const groups = await (await grantsClient(context, { tenant })).groups(tenant);
        context.output.result(groups, () => (groups.length === 0 ? "nothing waits" : groups.map(tell).join("\n\n")));
      }),
    );
}

function boundsOf({ max, min, equals }: GrantOptions): Record<string, Bound> {
  const bounds: Record<string, Bound> = {};
  const set = (text: string, read: (value: string) => Bound) => {
    const [, pointer, value] = /^(\/[^=]*)=(.*)$/s.exec(text) ?? [];
    if (pointer === undefined || value === undefined) throw usage(`${text} is not POINTER=VALUE, such as /amount=20000`);
    bounds[pointer] = { ...bounds[pointer], ...read(value) };
  };
  for (const text of max) set(text, (value) => ({ max: number(value) }));
  for (const text of min) set(text, (value) => ({ min: number(value) }));
  for (const text of equals) set(text, (value) => ({ equals: scalar(value) }));
  return bounds;
}

function number(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value)) throw usage(`${text} is not a number`);
  return value;
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw usage(`${text} is not a whole number above 0`);
  return Number(text);
}

/** JSON where it is a number, a boolean or null; a string as it stands otherwise. */
function scalar(text: string): string | number | boolean | null {
  if (/^(true|false|null|-?\d+(\.\d+)?([eE][+-]?\d+)?|".*")$/s.test(text)) return JSON.parse(text) as string | number | boolean | null;
  return text;
}

const unitSeconds: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

function seconds(text: string): number {
  const [, many, unit] = /^(\d+)([smhd])$/.exec(text) ?? [];
  if (many === undefined || unit === undefined) throw usage(`${text} is not a duration such as 30m, 8h or 7d`);
  return Number(many) * (unitSeconds[unit] ?? 0);
}

const boundText = ([pointer, { min, max, equals }]: [string, Bound]): string =>
  [
    ...(min === undefined ? [] : [`${pointer} ≥ ${min}`]),
    ...(max === undefined ? [] : [`${pointer} ≤ ${max}`]),
    ...(equals === undefined ? [] : [`${pointer} = ${JSON.stringify(equals)}`]),
  ].join(", ");

const bounds = (grant: Grant): string => Object.entries(grant.bounds).map(boundText).join(", ") || "any arguments";

const row = (grant: Grant): string[] => [
  grant.id,
  grant.state === "proposed" ? `proposed ${grant.backers.length}/${grant.quorum}` : grant.state,
  grant.agent,
  `${grant.tool}:${grant.action}`,
  bounds(grant),
  `${grant.uses}/${grant.maxUses}`,
  grant.backers.join(", "),
  grant.expiresAt,
];

function describe(grant: Grant): string {
  const more =
    grant.state === "proposed" ? ` (${grant.quorum - grant.backers.length} more must back it: aegis approvals back ${grant.id})` : "";
  return table(
    ["", ""],
    [
      ["grant", grant.id],
      ["state", `${grant.state}${more}${grant.revokedBy === null ? "" : ` by ${grant.revokedBy}`}`],
      ["agent", `${grant.agent} (tenant ${grant.tenant}), on behalf of ${grant.subject ?? "anybody"}`],
      ["call", `${grant.tool}:${grant.action}`],
      ["bounds", bounds(grant)],
      ["used", `${grant.uses} of ${grant.maxUses}`],
      ["backed by", grant.backers.join(", ")],
      ["expires", grant.expiresAt],
    ],
  ).trimStart();
}

function tell(group: Group): string {
  const who = group.subject === group.agent ? group.agent : `${group.agent} for ${group.subject}`;
  const shown = group.arguments.map((one) => `  ${JSON.stringify(one)}`);
  const more = group.ids.length > shown.length ? [`  and ${group.ids.length - shown.length} more`] : [];
  const head = `${group.ids.length} × ${group.tool}:${group.action} by ${who} (queue ${group.queue}, ${group.quorum} must agree)`;
  return [head, ...shown, ...more, `  aegis approvals approve ${group.ids.join(" ")}`].join("\n");
}
