import { createInterface } from "node:readline/promises";
import type { ReplayReport } from "@aegis/policy/analysis/replay";
import type { PolicyFile } from "@aegis/policy/compile";
import type { PolicySet } from "@aegis/policy/ir";
import { type Command, Option } from "commander";
import { listAgents, type RegisteredAgent } from "../clients/agents.ts";
import { activeFiles, replayDecisions } from "../clients/analysis.ts";
import { writeRevision } from "../clients/policies.ts";
import { planPromotion } from "../clients/revisions.ts";
import { action, type Context } from "../context.ts";
import { exit, Failure, usage } from "../failure.ts";
import { revisionText, waiting, waitOf } from "./policy-decide.ts";
import { orRefused } from "./policy-faults.ts";
import { numberOf } from "./policy-span.ts";

interface Options {
  risk?: string;
  days: string;
  yes?: boolean;
  message?: string;
  as?: string;
  wait?: boolean;
  timeout: string;
}

const help = `
First it shows what enforcement would have refused of the decisions recorded in the last days, then asks; without a terminal it goes on only
with --yes. With --risk, policies are taken whose registered agents are all of that tier; the others are named. In the text of the files
only the word changes: comments and layout stay. A tier is what agent register said of an agent, low when it said nothing.`;

/** `aegis policy promote`: from shadow to enforcement. */
export function promoteCommand(policy: Command): void {
  waiting(policy.command("promote"))
    .description("take policies out of shadow, after showing what that would have refused")
    .argument("[policies...]", "names of policies in shadow")
    .addOption(new Option("--risk <tier>", "instead: those of agents of this risk tier").choices(["low", "medium", "high"]))
    .option("--days <n>", "how far back to look", "7")
    .option("--yes", "go on without asking")
    .option("--message <text>", "why")
    .option("--as <user>", "who promotes (that user's own token from the dev issuer)")
    .addHelpText("after", help)
    .action(
      action<Options, [string[]]>((context, options, named) =>
        orRefused(context, async () => {
          const tenant = context.tenant();
          if (named.length > 0 === (options.risk !== undefined)) throw usage("name policies, or a tier with --risk");
          const policies = options.risk === undefined ? named : await ofTier(context, tenant, options.risk);
          const plan = await planPromotion(context, tenant, policies, options.as);
          const days = numberOf(options.days, "days");
          const all = await replayDecisions(context, tenant, { days, files: plan.files, examples: 0 });
          const figures = figuresAbout(all, await agentsOf(tenant, plan.files, policies));
          context.output.progress(figuresText(figures, policies, days));
          if (options.yes !== true && !(await agreed(`take ${policies.join(", ")} out of shadow?`)))
            throw new Failure("nothing was changed");
          const made = await writeRevision(context, {
            tenant,
            path: "policies:promote",
            body: { policies, message: options.message ?? "" },
            ifRevision: plan.head,
            user: options.as,
            ...waitOf(options),
          });
          const { records, compared, changed, transitions, notCompared } = figures;
          const lastDays = { days, records, compared, changed, transitions, notCompared };
          context.output.result({ ...made, policies, lastDays }, () =>
            revisionText(made, options.wait === true, `published: ${policies.join(", ")} enforced`),
          );
          return exit.ok;
        }),
      ),
    );
}

type Matches = (agent: string) => boolean;

/** Whom the policies are about. */
async function agentsOf(tenant: string, files: readonly PolicyFile[], names: readonly string[]): Promise<Matches> {
  const { compile } = await import("@aegis/policy/compile");
  const compiled = compile(files, { tenant });
  const matching = compiled.ok ? names.map((name) => matchesOf(compiled.policies, name)) : [];
  return (agent) => matching.some((matches) => matches(agent));
}

/** What changes for some agents: what enforcement does to others, by revisions that have gone, says nothing of a promotion. */
function figuresAbout(report: ReplayReport, matches: Matches): ReplayReport {
  const groups = report.groups.filter(({ agent }) => matches(agent));
  const sum = (of: (group: (typeof groups)[number]) => number) => groups.reduce((total, group) => total + of(group), 0);
  const transitions = report.transitions.flatMap((transition) => {
    const same = groups.flatMap((group) => group.transitions.filter(({ from, to }) => from === transition.from && to === transition.to));
    const calls = same.reduce((total, each) => total + each.calls, 0);
    return calls === 0 ? [] : [{ ...transition, calls }];
  });
  return { ...report, groups, transitions, compared: sum(({ calls }) => calls), changed: sum(({ changed }) => changed) };
}

/** The policies in shadow whose registered agents are all of the tier. */
async function ofTier(context: Context, tenant: string, risk: string): Promise<string[]> {
  const [{ compile }, { inShadow }] = await Promise.all([import("@aegis/policy/compile"), import("@aegis/policy/promote")]);
  const compiled = compile(await activeFiles(context, tenant), { tenant });
  if (!compiled.ok) throw new Failure("the policies in force are not accepted any more: publish them anew");
  const agents = await listAgents(context, tenant);
  const tried = inShadow(compiled.policies);
  const chosen = tried.filter((name) => tiersOf(compiled.policies, name, agents).every((tier) => tier === risk));
  const taken = chosen.filter((name) => tiersOf(compiled.policies, name, agents).length > 0);
  for (const name of tried.filter((one) => !taken.includes(one))) {
    const tiers = [...new Set(tiersOf(compiled.policies, name, agents))];
    context.output.progress(
      `left in shadow: ${name} (${tiers.length === 0 ? "none of its agents is registered" : `agents of tier ${tiers.sort().join(", ")}`})`,
    );
  }
  if (taken.length === 0) throw new Failure(`no policy in shadow is only about agents of tier ${risk}`);
  return taken;
}

function matchesOf({ policies }: PolicySet, name: string): Matches {
  const patterns = policies.find((policy) => policy.name === name)?.agents ?? [];
  return (agent) => patterns.some((pattern) => (pattern.endsWith("*") ? agent.startsWith(pattern.slice(0, -1)) : agent === pattern));
}

function tiersOf(set: PolicySet, name: string, agents: readonly RegisteredAgent[]): string[] {
  const matches = matchesOf(set, name);
  return agents.filter(({ agent, state }) => state !== "revoked" && matches(agent)).map(({ risk }) => risk);
}

function figuresText(
  { records, compared, changed, transitions, groups, notCompared }: ReplayReport,
  policies: readonly string[],
  days: number,
): string {
  const most = groups.filter((group) => group.changed > 0).slice(0, 10);
  return [
    `${policies.join(", ")}: of ${records} decisions in the last ${days} days ${compared} are by their agents and can be compared; enforcement would have changed ${changed}`,
    ...transitions.filter(({ from, to }) => from !== to).map(({ from, to, calls }) => `  ${from} → ${to}: ${calls}`),
    ...most.map((group) => `  ${group.agent} ${group.tool}:${group.action}: ${group.changed} of ${group.calls}`),
    ...notCompared.map(({ why, calls }) => `  ${calls} not compared: ${why}`),
  ].join("\n");
}

async function agreed(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) throw new Failure("there is no terminal to ask on: look at the figures, then add --yes");
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}
