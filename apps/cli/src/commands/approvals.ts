import { type Command, Option } from "commander";
import { type Approval, approvalsClient, collectOverride, type Happening, type Tally } from "../clients/approvals.ts";
import { grantsClient } from "../clients/grants.ts";
import { action, type Context } from "../context.ts";
import { Failure } from "../failure.ts";
import { table } from "../output.ts";
import { approvalChannelCommands } from "./approval-channels.ts";
import { approvalGrantCommands } from "./approval-grants.ts";
import { summaries } from "./summaries.ts";

/** `aegis approvals`: what waits for a person, and that person's answer. */
export function approvalsCommands(program: Command): void {
  const approvals = program.command("approvals").description(summaries.approvals);
  approvals
    .command("list")
    .description("list approvals of a tenant, newest first")
    .option("--state <state>", "pending, approved, denied, expired, cancelled or redeemed")
    .option("--queue <name>", "only this queue")
    .action(
      action<{ state?: string; queue?: string }, []>(async (context, options) => {
        const client = await approvalsClient(context, { tenant: context.tenant() });
        const list = await client.list({ tenant: context.tenant(), state: options.state, queue: options.queue });
        context.output.result(list, () =>
          list.length === 0
            ? "no approvals"
            : table(
                ["id", "state", "agent", "call", "votes", "expires"],
                list.map((one) => [one.id, one.state, one.agent, `${one.tool}:${one.action}`, votesOf(one), one.expiresAt]),
              ),
        );
      }),
    );
  approvals
    .command("show")
    .description("show one approval and all that happened to it")
    .argument("<id>")
    .action(
      action<object, [string]>(async (context, _options, id) => {
        const client = await approvalsClient(context, { tenant: context.optionalTenant });
        const approval = await client.show(id);
        const history = approval.tenant === undefined ? [] : await client.history(id);
        context.output.result({ ...approval, history }, () => `${describe(approval)}${tell(history)}`);
      }),
    );
  approvals
    .command("cancel")
    .description("take a request back, as an admin; an override that was handed out is void with it")
    .argument("<id>")
    .addOption(new Option("--as <user>", "who takes it back (that user's own token from the dev issuer)"))
    .option("--comment <text>", "why", "")
    .action(
      action<{ as?: string; comment: string }, [string]>(async (context, options, id) => {
        const client = await approvalsClient(context, { tenant: context.optionalTenant, user: options.as, role: "admin" });
        const approval = await client.cancel(id, options.comment);
        context.output.result(approval, () => describe(approval));
      }),
    );
  approvals
    .command("comment")
    .description("say something about a request without deciding it")
    .argument("<id>")
    .argument("<text>")
    .addOption(new Option("--as <user>", "who says it (that user's own token from the dev issuer)"))
    .action(
      action<{ as?: string }, [string, string]>(async (context, options, id, text) => {
        const client = await approvalsClient(context, { tenant: context.optionalTenant, user: options.as });
        await client.comment(id, text);
        context.output.result({ id, comment: text }, () => "noted");
      }),
    );
  for (const decision of ["approve", "deny"] as const) {
    approvals
      .command(decision)
      .description(
        `${decision === "approve" ? "agree to" : "refuse"} the call, as a person; or several at once (aegis approvals groups lists them)`,
      )
      .argument("<id...>")
      .addOption(new Option("--as <user>", "whose vote it is (that user's own token from the dev issuer)"))
      .option("--comment <text>", "why", "")
      .action(
        action<{ as?: string; comment: string }, [string[]]>(async (context, { as: user, comment }, ids) => {
          if (ids.length > 1) return voteOnAll(context, ids, { decision, comment, user });
          const client = await approvalsClient(context, { tenant: context.optionalTenant, user });
          const approval = await client.vote(ids[0] ?? "", decision, comment);
          context.output.result(approval, () => describe(approval));
        }),
      );
  }
  approvals
    .command("override")
    .description("collect the one-time override token of an approved call, as the agent; it is handed out once")
    .argument("<id>")
    .requiredOption("--token <jwt>", "the agent's own token")
    .action(
      action<{ token: string }, [string]>(async (context, options, id) => {
        const override = await collectOverride(context, id, options.token);
        context.output.result(override, () => override.override_token);
      }),
    );
  approvals
    .command("stats")
    .description("how approvals went, per agent, call and rule: how often, how fast, and how many answers came within five seconds")
    .option("--days <days>", "of the last so many days", "30")
    .action(
      action<{ days: string }, []>(async (context, { days }) => {
        const client = await approvalsClient(context, { tenant: context.tenant() });
        const list = await client.statistics(context.tenant(), Number(days));
        const heads = ["agent", "call", "queue", "asked", "pending", "yes", "no", "expired", "median s", "within 5 s"];
        context.output.result(list, () => (list.length === 0 ? "no approvals" : table(heads, list.map(tallied))));
      }),
    );
  approvalGrantCommands(approvals);
  approvalChannelCommands(approvals);
}

/** One answer to many; each is decided by the rules of its own, and what came of each is told. */
async function voteOnAll(
  context: Context,
  ids: string[],
  { decision, comment, user }: { decision: "approve" | "deny"; comment: string; user: string | undefined },
): Promise<void> {
  const tenant = context.tenant();
  const results = await (await grantsClient(context, { tenant, user })).voteAll({ tenant, ids, decision, comment });
  context.output.result(results, () =>
    table(
      ["id", "now"],
      results.map(({ id, state, error }) => [id, state ?? error ?? ""]),
    ),
  );
  const undone = results.filter(({ error }) => error !== undefined).length;
  if (undone > 0) throw new Failure(`${undone} of ${ids.length} were not decided`);
}

const votesOf = ({ votes, quorum }: Approval): string => `${votes.filter((vote) => vote.decision === "approve").length}/${quorum ?? 1}`;

function describe(approval: Approval): string {
  const rows: [string, string | undefined][] = [
    ["id", approval.id],
    ["state", approval.outcome ?? approval.state],
    ["agent", approval.agent && `${approval.agent} (tenant ${approval.tenant})`],
    ["call", approval.tool && `${approval.tool}:${approval.action}`],
    ["arguments", approval.arguments && JSON.stringify(approval.arguments)],
    ["reasons", approval.reasons?.map((reason) => reason.message).join("; ")],
    [
      "votes",
      approval.votes.map((vote) => `${vote.user} ${vote.decision}${vote.comment ? ` "${vote.comment}"` : ""}`).join(", ") || "none",
    ],
    [
      "unusual",
      approval.comparison?.flatMap(({ pointer, says, unusual }) => (unusual ? [`${pointer} ${says}`] : [])).join("; ") || undefined,
    ],
    ["expires", approval.expiresAt],
  ];
  return table(
    ["", ""],
    rows.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  ).trimStart();
}

const tallied = (one: Tally): string[] => [
  one.agent,
  one.call,
  one.queue,
  ...[one.requested, one.pending, one.approved, one.denied, one.expired].map(String),
  one.medianSeconds === null ? "-" : one.medianSeconds.toFixed(1),
  one.quickShare === null ? "-" : `${Math.round(one.quickShare * 100)} %`,
];

function tell(history: readonly Happening[]): string {
  if (history.length === 0) return "";
  const rows = history.map(({ at, what, who, comment }) => [at, what, who.join(", "), comment]);
  return `\n\n${table(["at", "what", "who", "comment"], rows)}`;
}
