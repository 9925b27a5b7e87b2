import type { DriftReport } from "@aegis/policy/analysis/drift";
import type { Command } from "commander";
import { policyDrift } from "../clients/analysis.ts";
import { action } from "../context.ts";
import { exit } from "../failure.ts";
import { table } from "../output.ts";
import { numberOf } from "./policy-span.ts";

interface Options {
  days: string;
  publish?: boolean;
}

const help = `
Compared are the grants of the newest revision, the decisions in the ledger and the registry of agents. A refused call and a dry run are
no use of a grant. A policy for a prefix of names grants to the known agents that match it.`;

/** `aegis policy drift`: what is granted against what is done. */
export function driftCommand(policy: Command): void {
  policy
    .command("drift")
    .description("grants that nobody used, justified or reviewed in time; agents that nobody registered or governs, or that were not seen")
    .option("--days <n>", "unused and unseen for so many days", "30")
    .option("--publish", "when something was found, publish aegis.policy.<tenant>.drifted as well (for a daily run)")
    .addHelpText("after", help)
    .action(
      action<Options, []>(async (context, options) => {
        const days = numberOf(options.days, "days");
        const report = await policyDrift(context, context.tenant(), days, options.publish === true);
        context.output.result(report, () => text(report, days));
        return exit.ok;
      }),
    );
}

const mostRows = 50;

function text(report: DriftReport, days: number): string {
  const { entitlements, agentsSeen, unused, unjustified, overdue, unregistered, ungoverned, unseen } = report;
  const seen = `${count(entitlements)} grants, ${count(agentsSeen)} agents seen in ${days} days`;
  if (!report.drifted) return `${seen}: nothing has drifted`;
  const parts = [seen];
  const list = (title: string, header: readonly string[], rows: readonly (readonly (string | number)[])[]) => {
    if (rows.length === 0) return;
    parts.push("", `${title} (${count(rows.length)})`, table(header, rows.slice(0, mostRows)));
    if (rows.length > mostRows) parts.push(`… ${count(rows.length - mostRows)} more: --json has all of them`);
  };
  list(
    `granted and not used in ${days} days`,
    ["AGENT", "CALL", "POLICY", "RULE"],
    unused.map((one) => [one.agent, `${one.tool}:${one.action}`, one.policy, one.rule]),
  );
  list(
    "granted without a justification",
    ["POLICY", "TOOL", "RULE"],
    unjustified.map(({ policy, tool, rule }) => [policy, tool, rule]),
  );
  list(
    "overdue for review",
    ["POLICY", "TOOL", "REVIEW BY", "RULE"],
    overdue.map((one) => [one.policy, one.tool, one.reviewBy, one.rule]),
  );
  list(
    "seen and not registered",
    ["AGENT", "CALLS", "LAST"],
    unregistered.map(({ agent, calls, last }) => [agent, calls, last]),
  );
  list(
    "seen and no policy is about them",
    ["AGENT", "CALLS", "LAST"],
    ungoverned.map(({ agent, calls, last }) => [agent, calls, last]),
  );
  list(
    `registered and not seen in ${days} days`,
    ["AGENT", "STATE", "REGISTERED"],
    unseen.map((one) => [one.agent, one.state, one.createdAt]),
  );
  return parts.join("\n");
}

const count = (value: number): string => value.toLocaleString("en-US");
