import type { Example, ReplayReport } from "@aegis/policy/analysis/replay";
import type { Command } from "commander";
import { replayDecisions } from "../clients/analysis.ts";
import { PoliciesInvalid } from "../clients/policies.ts";
import { action } from "../context.ts";
import { exit } from "../failure.ts";
import { table } from "../output.ts";
import { readPublishedFiles } from "../policy-files.ts";
import { refusedPolicies } from "./policy-faults.ts";
import { type SpanOptions, spanOf, wholeNumberOf, withSpan } from "./policy-span.ts";

interface Options extends SpanOptions {
  policy?: string[];
  agent?: string;
  examples: string;
  asEnforced?: boolean;
}

const help = `
Decisions are compared by what policies say. Budgets, rates, overrides and revocations are not asked again: where one of them refused a
call, the revision that decided then says what the policies of that time had said. Calls that are not recorded exactly, because a text
that a rule compares was redacted or because they were too large, are counted and not guessed at. A difference is no failure: exit 0.`;

/** `aegis policy replay`: what a draft would have decided otherwise. */
export function replayCommand(policy: Command): void {
  withSpan(policy.command("replay"))
    .description("decide recorded decisions again by a draft: what changes, for whom, with examples")
    .option("--policy <files...>", "the tenant's whole set as it would be; without it, the newest revision")
    .option("--agent <name>", "only this agent's decisions")
    .option("--examples <n>", "of each change, at most so many examples (at most 100)", "3")
    .option("--as-enforced", "compare as if nothing were in shadow, then and now")
    .addHelpText("after", help)
    .action(
      action<Options, []>(async (context, options) => {
        try {
          const report = await replayDecisions(context, context.tenant(), {
            ...spanOf(options),
            files: options.policy ? await readPublishedFiles(options.policy) : undefined,
            agent: options.agent,
            examples: wholeNumberOf(options.examples, "examples"),
            asEnforced: options.asEnforced === true,
          });
          context.output.result(report, () => text(report));
          return exit.ok;
        } catch (caught) {
          if (caught instanceof PoliciesInvalid) return refusedPolicies(context, caught);
          throw caught;
        }
      }),
    );
}

const mostGroups = 30;
const mostReasons = 15;

function text(report: ReplayReport): string {
  const { records, compared, changed, onPolicyGrounds, dryRuns, notCompared, transitions, groups, reasons, cost } = report;
  if (records === 0) return "no decisions were recorded in that time";
  const changes = transitions.filter(({ from, to }) => from !== to);
  const parts = [`${count(records)} recorded decisions, ${count(compared)} compared: ${count(changed)} would change`];
  if (onPolicyGrounds > 0)
    parts.push(`${count(onPolicyGrounds)} were compared by what policies say: a budget, a rate or an override decided`);
  if (dryRuns > 0) parts.push(`${count(dryRuns)} were dry runs`);
  parts.push(...notCompared.map(({ why, calls }) => `${count(calls)} not compared: ${why}`));
  parts.push(
    "",
    table(
      ["BEFORE", "AFTER", "CALLS"],
      transitions.map(({ from, to, calls }) => [from, to, count(calls)]),
    ),
  );
  const changedGroups = groups.filter((group) => group.changed > 0);
  if (changedGroups.length > 0) {
    const rows = changedGroups.slice(0, mostGroups).map(({ agent, tool, action: name, calls, changed: some, transitions: of }) => [
      agent,
      `${tool}:${name}`,
      `${count(some)} of ${count(calls)}`,
      of
        .filter(({ from, to }) => from !== to)
        .map(({ from, to, calls: those }) => `${from} → ${to} ${count(those)}`)
        .join(", "),
    ]);
    parts.push("", table(["AGENT", "CALL", "CHANGED", ""], rows));
    if (changedGroups.length > mostGroups) parts.push(`… ${changedGroups.length - mostGroups} more: --json has all of them`);
  }
  if (reasons.length > 0)
    parts.push(
      "",
      table(
        ["REASON", "RULE", "CALLS"],
        reasons.slice(0, mostReasons).map(({ code, rule, calls }) => [code, rule, count(calls)]),
      ),
    );
  for (const { from, to, examples } of changes) for (const example of examples) parts.push("", exampleText(from, to, example));
  parts.push("", `cost of these calls: ${usd(cost.before)} as it was, ${usd(cost.after)} by the draft`);
  return parts.join("\n");
}

function exampleText(from: string, to: string, { decisionId, time, agent, tool, action: name, arguments: args, after }: Example): string {
  return [
    `${from} → ${to}  ${time}  ${agent}  ${tool}:${name}  (${decisionId})`,
    `  ${JSON.stringify(args).slice(0, 400)}`,
    ...after.map(({ code, message, rule }) => `  ${code}: ${message}${rule === undefined ? "" : ` (${rule})`}`),
  ].join("\n");
}

const count = (value: number): string => value.toLocaleString("en-US");
const usd = (micro: number): string => `$${(micro / 1e6).toFixed(2)}`;
