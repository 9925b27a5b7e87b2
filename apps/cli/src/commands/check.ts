import { type OutcomeName, outcomes } from "@aegis/contracts/outcome-event";
import { type Command, Option } from "commander";
import type { CheckAnswer } from "../clients/authz.ts";
import { issueToken } from "../clients/tokens.ts";
import { action, type Context } from "../context.ts";
import { usage } from "../failure.ts";
import type { Output } from "../output.ts";
import { moneyIn } from "./money.ts";
import { summaries } from "./summaries.ts";

interface Caller {
  agent?: string;
  token?: string;
  key?: string;
  prompt?: string;
  session?: string;
}

interface CheckOptions extends Caller {
  tool: string;
  action: string;
  args: string;
  override?: string;
  purpose?: string;
  reasoning?: string;
  url?: string;
  method?: string;
  dryRun?: boolean;
  requestId?: string;
  estimateUsd?: string;
  estimateMoney?: string;
  estimateTokens?: string;
}

/** `aegis check` and `aegis outcome`: ask for one call, and say what became of it. */
export function checkCommands(program: Command): void {
  calling(program.command("check").description(summaries.check))
    .requiredOption("--tool <name>", "the tool")
    .requiredOption("--action <name>", "the tool's action")
    .option("--args <json>", "the call's arguments, one JSON object", "{}")
    .option("--override <token>", "a one-time token from an approval")
    .option("--purpose <name>", "what the call is for")
    .option("--reasoning <text>", "why the agent makes it (stored redacted)")
    .option("--url <url>", "where the call goes")
    .option("--method <name>", "its HTTP method")
    .option("--dry-run", "evaluate only: nothing is reserved, redeemed or charged")
    .option("--request-id <id>", "idempotency key")
    .option("--estimate-usd <amount>", "what it is expected to cost")
    .option("--estimate-money <amount>", 'instead of --estimate-usd: another currency, as "EUR 4.20"')
    .option("--estimate-tokens <n>", "model tokens it is expected to take")
    .action(
      action<CheckOptions, []>(async (context, options) => {
        requireObject(options.args);
        const { checkCall } = await import("../clients/authz.ts");
        const answer = await checkCall(context, {
          ...options,
          token: await tokenOf(context, options),
          argumentsJson: options.args,
          estimateMicroUsd: microUsd(options.estimateUsd),
          estimateMoney: options.estimateMoney === undefined ? undefined : moneyIn(options.estimateMoney),
          estimateTokens: options.estimateTokens === undefined ? undefined : BigInt(options.estimateTokens),
        });
        context.output.result(answer, () => describeAnswer(answer, context.output));
        return answer.decision === "allow" || answer.decision === "sanitize" ? 0 : 1;
      }),
    );
  calling(program.command("outcome").description(summaries.outcome))
    .requiredOption("--decision-id <id>", "the decision that let the call through")
    .addOption(new Option("--outcome <name>", "what happened").choices(outcomes).makeOptionMandatory())
    .option("--error <text>", "why it failed (stored redacted)")
    .option("--actual-usd <amount>", "what it really cost")
    .option("--actual-money <amount>", 'instead of --actual-usd: another currency, as "EUR 4.20"')
    .option("--actual-tokens <n>", "model tokens it really took")
    .action(
      action<
        Caller & {
          decisionId: string;
          outcome: OutcomeName;
          error?: string;
          actualUsd?: string;
          actualMoney?: string;
          actualTokens?: string;
        },
        []
      >(async (context, options) => {
        const { reportOutcome } = await import("../clients/authz.ts");
        const eventId = await reportOutcome(context, {
          ...options,
          token: await tokenOf(context, options),
          actualMicroUsd: microUsd(options.actualUsd),
          actualMoney: options.actualMoney === undefined ? undefined : moneyIn(options.actualMoney),
          actualTokens: options.actualTokens === undefined ? undefined : BigInt(options.actualTokens),
        });
        context.output.result({ eventId }, () => `recorded as ${eventId}`);
      }),
    );
}

function calling(command: Command): Command {
  return command
    .option("--agent <name>", "the agent that calls; its key in the data directory signs")
    .option("--token <jwt>", "the agent's token, instead of issuing one")
    .option("--key <file>", "the agent's private JWK, when it is not in the data directory")
    .option("--prompt <id>", "the prompt the call belongs to")
    .option("--session <id>", "the session the call belongs to");
}

async function tokenOf(context: Context, { agent, token, key, prompt, session }: Caller): Promise<string> {
  if (token !== undefined) return token;
  if (agent === undefined) throw usage("say who calls: --agent NAME, or --token JWT");
  return (await issueToken(context, { tenant: context.tenant(), agent, prompt, session, keyFile: key })).access_token;
}

function requireObject(text: string): void {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw usage(`--args is not JSON: write one object, e.g. --args '{"amount": 4200}'`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw usage(`--args must be one JSON object, e.g. '{"amount": 4200}'`);
}

function microUsd(text: string | undefined): bigint | undefined {
  if (text === undefined) return undefined;
  const value = Math.round(Number(text) * 1e6);
  if (!Number.isSafeInteger(value) || value < 0) throw usage(`"${text}" is not an amount of US dollars, e.g. 0.25`);
  return BigInt(value);
}

const colours = { allow: "green", sanitize: "cyan", approval_needed: "yellow", deny: "red", unspecified: "red" } as const;

/** A decision for people: one line each for the verdict, its reasons and what hangs on it. */
export function describeAnswer(answer: CheckAnswer, output: Output): string {
  const lines = [output.style(colours[answer.decision], answer.decision.toUpperCase())];
  for (const reason of answer.reasons) lines.push(`  ${reason.code}: ${reason.message}${reason.rule ? ` (${reason.rule})` : ""}`);
  for (const { pointer, detector } of answer.redactions) lines.push(`  redacted ${detector} at ${pointer}`);
  if (answer.decision === "sanitize") lines.push(`  send instead: ${JSON.stringify(answer.arguments)}`);
  if (answer.approval) lines.push(`  approval ${answer.approval.id}: aegis approvals approve ${answer.approval.id} --as USER`);
  if (answer.shadow)
    lines.push(
      `  in shadow: ${answer.shadow.decision}${answer.shadow.reasons.map((reason) => ` · ${reason.code}: ${reason.message}`).join("")}`,
    );
  for (const { scope, unit, remaining, limit } of answer.budgets) lines.push(`  budget ${scope}: ${remaining} of ${limit} ${unit} left`);
  lines.push(output.style("dim", `  decision ${answer.decisionId}${answer.policyVersion ? ` · policy ${answer.policyVersion}` : ""}`));
  return lines.join("\n");
}
