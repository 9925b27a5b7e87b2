import { writeFile } from "node:fs/promises";
import type { Learned } from "@aegis/policy/analysis/learn";
import type { Command } from "commander";
import { learnPolicy } from "../clients/analysis.ts";
import { action } from "../context.ts";
import { exit, Failure } from "../failure.ts";
import { numberOf, type SpanOptions, spanOf, wholeNumberOf, withSpan } from "./policy-span.ts";

interface Options extends SpanOptions {
  agent: string;
  out?: string;
  leastCalls: string;
  mostKb: string;
  dryRuns?: boolean;
  limits?: boolean;
}

const help = `
The draft allows the tools and actions that were let through (also those that only a policy in shadow let through), bounds each
parameter by the narrowest rule that held for calls it was not made from, and says in comments how many calls each rule rests on.
It is for a person to read, edit and try: aegis policy replay --policy DRAFT --agent NAME.`;

/** `aegis policy learn`: a draft from what an agent was seen to do. */
export function learnCommand(policy: Command): void {
  withSpan(policy.command("learn"))
    .description("draft a least-privilege policy from an agent's recorded calls, with the number of calls behind each rule")
    .requiredOption("--agent <name>", "whose calls")
    .option("--out <file>", "write the draft there instead of to stdout")
    .option("--least-calls <n>", "leave out, and list, actions that were called less often", "2")
    .option("--most-kb <n>", "the largest draft, in KB", "64")
    .option("--dry-runs", "dry runs count as calls")
    .option("--limits", "write twice the observed rates as limits, not as a remark")
    .addHelpText("after", help)
    .action(
      action<Options, []>(async (context, options) => {
        const learned = await learnPolicy(context, context.tenant(), {
          ...spanOf(options),
          agent: options.agent,
          leastCalls: Math.max(1, wholeNumberOf(options.leastCalls, "calls")),
          mostBytes: Math.round(numberOf(options.mostKb, "KB") * 1024),
          dryRuns: options.dryRuns === true,
          limits: options.limits === true,
        });
        if (learned.draft === "") throw new Failure(nothing(options.agent, learned));
        if (options.out) await writeFile(options.out, learned.draft);
        context.output.progress(summary(learned));
        const { draft, ...rest } = learned;
        context.output.result(options.out ? { ...rest, file: options.out } : learned, () =>
          options.out ? `written to ${options.out}` : draft.trimEnd(),
        );
        return exit.ok;
      }),
    );
}

function nothing(agent: string, { calls, refused, dryRuns, remarks }: Learned): string {
  if (calls > 0)
    return `no draft: ${remarks.join("; ") || `${count(calls)} calls, and no action was called often enough: lower --least-calls`}`;
  const others = [
    ...(refused > 0 ? [`${count(refused)} refused`] : []),
    ...(dryRuns > 0 ? [`${count(dryRuns)} dry runs (--dry-runs counts them)`] : []),
  ];
  return `no call of ${agent} was let through in that time${others.length > 0 ? `; there were ${others.join(" and ")}` : ""}`;
}

/** "draft: 3 tools, 9 actions, 4.1 KB of at most 64 KB; 2 rare actions left out (1 call each)". */
function summary({ calls, tools, actions, parameters, bytes, mostBytes, leftOut, check, remarks }: Learned): string {
  const size = `${(bytes / 1024).toFixed(1)} KB of at most ${Math.round(mostBytes / 1024)} KB`;
  const lines = [
    `draft: ${tools} ${tools === 1 ? "tool" : "tools"}, ${actions} ${actions === 1 ? "action" : "actions"}, ${parameters} ${parameters === 1 ? "parameter" : "parameters"}, ${size}, from ${count(calls)} calls`,
  ];
  if (leftOut.length > 0) {
    const named = leftOut
      .slice(0, 10)
      .map((one) => `${one.tool}:${one.action} (${count(one.calls)} ${one.calls === 1 ? "call" : "calls"})`);
    lines.push(
      `${leftOut.length} rare ${leftOut.length === 1 ? "action" : "actions"} left out: ${named.join(", ")}${leftOut.length > 10 ? ", …" : ""}`,
    );
  }
  lines.push(`it allows ${count(check.allowed)} of ${count(check.calls)} of those calls that it was tried on`, ...remarks);
  return lines.join("\n");
}

const count = (value: number): string => value.toLocaleString("en-US");
