import { writeFile } from "node:fs/promises";
import type { TestReport } from "@aegis/policy/run-tests";
import type { Command } from "commander";
import { PoliciesInvalid } from "../clients/policies.ts";
import { action } from "../context.ts";
import { exit, usage } from "../failure.ts";
import { readPublishedFiles, tenantNamedIn } from "../policy-files.ts";
import { refusedPolicies } from "./policy-faults.ts";
import { wholeNumberOf } from "./policy-span.ts";

const help = `
Offline: the engine and the detectors run here. A rule that allows is covered when a case is judged by it; a bound, a condition, a deny, a
DLP or a session rule when a case is refused, asked about or redacted by it. Exit 4 when a case fails or less is covered than asked for.
The tests that are published with a set are run again then: a set whose own tests fail is not published.`;

/** `aegis policy test`: PolicyTest documents against the policies they come with. */
export function testCommand(policy: Command): void {
  policy
    .command("test")
    .description("run the PolicyTest documents of a set offline, and tell which rules no case meets")
    .argument("<files...>", "the tenant's whole set with its tests, or directories of them")
    .option("--junit <file>", "also write the results as JUnit XML")
    .option("--min-coverage <percent>", "fail when fewer of the rules are met")
    .action(
      action<{ junit?: string; minCoverage?: string }, [string[]]>(async (context, options, paths) => {
        const [{ compile }, { runTests }, { junitXml }] = await Promise.all([
          import("@aegis/policy/compile"),
          import("@aegis/policy/run-tests"),
          import("@aegis/policy/junit"),
        ]);
        const least = options.minCoverage === undefined ? 0 : wholeNumberOf(options.minCoverage, "percent");
        if (least > 100) throw usage("nothing covers more than 100 percent");
        const files = await readPublishedFiles(paths);
        const compiled = compile(files, { tenant: context.optionalTenant ?? tenantNamedIn(files) ?? "default" });
        if (!compiled.ok) return refusedPolicies(context, new PoliciesInvalid(compiled.faults));
        if (compiled.tests.length === 0) throw usage("there is no test in these files: add a document of kind: PolicyTest");
        const at = new Date();
        const report = runTests(compiled.policies, compiled.tests, { now: at.getTime() });
        if (options.junit !== undefined) await writeFile(options.junit, junitXml(report, { at }));
        const ok = report.ok && report.covered >= least;
        const lines = await text(report, least);
        context.output.result({ ...report, ok, minCoverage: least }, () => lines);
        return ok ? exit.ok : exit.policyTests;
      }),
    )
    .addHelpText("after", help);
}

async function text({ cases, passed, failed, coverage, covered }: TestReport, least: number): Promise<string> {
  const { explainFailure } = await import("@aegis/policy/junit");
  const lines = cases
    .filter(({ ok }) => !ok)
    .flatMap((one) => [`FAIL ${one.rule} ${one.suite}: ${one.name}`, ...explainFailure(one).map((line) => `  ${line}`)]);
  const uncovered = coverage.filter(({ hits }) => hits === 0);
  return [
    ...lines,
    ...uncovered.map(({ rule, kind, name }) => `no case meets ${rule} ${kind} ${name}`),
    `${passed} passed, ${failed} failed; ${coverage.length - uncovered.length} of ${coverage.length} rules covered (${covered} %)`,
    ...(covered < least ? [`less is covered than the ${least} % that were asked for`] : []),
  ].join("\n");
}
