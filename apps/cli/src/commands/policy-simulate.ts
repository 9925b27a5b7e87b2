import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import type { SimulatedVerdict } from "@aegis/policy/analysis/simulate";
import type { Explanation } from "@aegis/policy/explain";
import type { Snapshot } from "@aegis/policy/snapshot";
import type { Command } from "commander";
import { activeFiles } from "../clients/analysis.ts";
import { PoliciesInvalid } from "../clients/policies.ts";
import { action, type Context } from "../context.ts";
import { exit } from "../failure.ts";
import { table } from "../output.ts";
import { readPublishedFiles } from "../policy-files.ts";
import { Progress } from "../progress.ts";
import { refusedPolicies } from "./policy-faults.ts";

interface Options {
  policy?: string[];
  requests: string;
  explain?: boolean;
}

/** One line of the file of requests, in order. */
type Answer =
  | ({ readonly line: number; readonly explanation?: Explanation } & SimulatedVerdict)
  | { readonly line: number; readonly error: string };

const help = `
A line of the file is one call: {"agent","tool","action","arguments"} and, where they matter, "url", "method", "purpose", "prompt",
"session", "chain", "scope", "labels", "calls", "drift", "time", "estimate". Empty lines are skipped. Budgets, rates,
overrides and revocations are not asked, and a call without a session is the first of its own. With --json the answer is a list with one verdict for each line, in order; a line that is no request has
"error" in its place, and the exit status is 1.`;

/** `aegis policy simulate`: what a draft, or the newest revision, says to calls that somebody thought of. */
export function simulateCommand(policy: Command): void {
  policy
    .command("simulate")
    .description("decide made-up calls by a draft, on this side; without --policy, by the newest revision")
    .option("--policy <files...>", "the tenant's whole set, or directories of it")
    .requiredOption("--requests <file>", "JSON lines, one call each")
    .option("--explain", "say how each verdict came about: which policies and rules were asked, and what each stage said")
    .addHelpText("after", help)
    .action(action<Options, []>((context, options) => simulateFile(context, options)));
}

async function simulateFile(context: Context, options: Options): Promise<number> {
  const tenant = context.tenant();
  let snapshot: Snapshot;
  try {
    snapshot = await prepared(tenant, options.policy ? await readPublishedFiles(options.policy) : await activeFiles(context, tenant));
  } catch (caught) {
    if (caught instanceof PoliciesInvalid) return refusedPolicies(context, caught);
    throw caught;
  }
  const answers = await answersOf(snapshot, options, tenant);
  const { explanationLines } = await import("@aegis/policy/explain");
  context.output.result(answers, () => (options.explain ? explained(answers, explanationLines) : text(answers)));
  return answers.some((answer) => "error" in answer) ? exit.failed : exit.ok;
}

async function prepared(tenant: string, files: Awaited<ReturnType<typeof readPublishedFiles>>): Promise<Snapshot> {
  const [{ compile }, { prepareDraft }] = await Promise.all([import("@aegis/policy/compile"), import("@aegis/policy/analysis/draft")]);
  const compiled = compile(files, { tenant });
  if (!compiled.ok) throw new PoliciesInvalid(compiled.faults);
  return prepareDraft(compiled.policies);
}

async function answersOf(snapshot: Snapshot, { requests: file, explain: asked }: Options, tenant: string): Promise<Answer[]> {
  const [{ simulate, withFindings }, { simulatedLine }, { explain }] = await Promise.all([
    import("@aegis/policy/analysis/simulate"),
    import("@aegis/policy/analysis/simulated-request"),
    import("@aegis/policy/explain"),
  ]);
  const decided = (input: Parameters<typeof simulate>[1]) => ({
    ...simulate(snapshot, input),
    ...(asked && { explanation: explain(snapshot, withFindings(snapshot, input)) }),
  });
  using progress = new Progress("requests decided");
  const now = Date.now();
  const answers: Answer[] = [];
  let line = 0;
  for await (const written of createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY })) {
    line += 1;
    if (written.trim() === "") continue;
    const read = simulatedLine(line === 1 ? written.replace(/^\ufeff/, "") : written, { tenant, now });
    answers.push(read.ok ? { line, ...decided(read.input) } : { line, error: read.message });
    progress.tell(answers.length);
  }
  return answers;
}

function explained(answers: readonly Answer[], linesOf: (explanation: Explanation) => string[]): string {
  const blocks = answers.map((answer) => {
    if ("error" in answer) return `line ${answer.line}: ${answer.error}`;
    return [`line ${answer.line}:`, ...(answer.explanation ? linesOf(answer.explanation) : []).map((each) => `  ${each}`)].join("\n");
  });
  return blocks.join("\n\n");
}

const mostRows = 50;

function text(answers: readonly Answer[]): string {
  const counts = new Map<string, number>();
  for (const answer of answers) {
    const what = "error" in answer ? "no request" : answer.decision;
    counts.set(what, (counts.get(what) ?? 0) + 1);
  }
  const rows = answers
    .slice(0, mostRows)
    .map((answer) =>
      "error" in answer
        ? [answer.line, "error", answer.error]
        : [
            answer.line,
            answer.decision,
            answer.reasons.map(({ code, rule }) => (rule === undefined ? code : `${code} (${rule})`)).join(", "),
          ],
    );
  const bad = answers.slice(mostRows).filter((answer) => "error" in answer);
  const more = answers.length > mostRows ? [`… ${answers.length - mostRows} more: --json has all of them`] : [];
  return [
    table(["LINE", "DECISION", "REASONS"], rows),
    ...more,
    ...bad.slice(0, mostRows).map((answer) => `line ${answer.line}: ${"error" in answer ? answer.error : ""}`),
    [...counts].map(([what, count]) => `${count.toLocaleString("en-US")} ${what}`).join(" · ") || "no requests",
  ].join("\n");
}
