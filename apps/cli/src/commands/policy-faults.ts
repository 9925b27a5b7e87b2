import { PoliciesInvalid, TestsFailed } from "../clients/policies.ts";
import type { Context } from "../context.ts";
import { exit } from "../failure.ts";

/** Shows everything that is wrong with a set, and gives the exit status that says so. */
export async function refusedPolicies(context: Context, { faults }: PoliciesInvalid): Promise<number> {
  const { formatFault } = await import("@aegis/policy/fault");
  context.output.result({ ok: false, faults }, () => faults.map(formatFault).join("\n"));
  return exit.policyInvalid;
}

/** Shows the tests of a set that fail, and gives the exit status that says so. */
async function failedTests(context: Context, { message, cases }: TestsFailed): Promise<number> {
  const { explainFailure } = await import("@aegis/policy/junit");
  context.output.result({ ok: false, tests: cases }, () =>
    [...cases.flatMap((one) => [`${one.rule} ${one.suite}: ${one.name}`, ...explainFailure(one).map((line) => `  ${line}`)]), message].join(
      "\n",
    ),
  );
  return exit.policyTests;
}

/** Runs what sends a set of policies; a set that is refused is shown for what it is. */
export async function orRefused(context: Context, run: () => Promise<number>): Promise<number> {
  try {
    return await run();
  } catch (caught) {
    if (caught instanceof PoliciesInvalid) return refusedPolicies(context, caught);
    if (caught instanceof TestsFailed) return failedTests(context, caught);
    throw caught;
  }
}
