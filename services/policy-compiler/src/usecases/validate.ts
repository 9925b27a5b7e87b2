import { AegisError } from "@aegis/contracts/errors";
import { compile } from "@aegis/policy/compile";
import type { PolicySet } from "@aegis/policy/ir";
import { runTests, type TestReport } from "@aegis/policy/run-tests";
import type { PolicyFile } from "#domain/revision.ts";
import type { Ports } from "./ports.ts";

/** A tenant's whole set, compiled. */
type Compiled = Extract<ReturnType<typeof compile>, { readonly ok: true }>;

/** The tenant's whole set in its intermediate representation. @throws AegisError `unprocessable` with every fault in `details.faults`. */
export function compileOrRefuse(ports: Pick<Ports, "signals">, tenant: string, files: readonly PolicyFile[]): Compiled {
  const result = compile(files, { tenant });
  if (result.ok) return result;
  const count = result.faults.length;
  ports.signals.faulty(tenant, count);
  throw new AegisError("unprocessable", `${count} ${count === 1 ? "fault" : "faults"} in the policies`, {
    details: { faults: result.faults },
  });
}

/** Compiles a set and runs the tests in it. @throws AegisError `unprocessable` as `compileOrRefuse` does. */
export function testPolicies(ports: Pick<Ports, "signals" | "clock">, tenant: string, files: readonly PolicyFile[]): TestReport {
  const { policies, tests } = compileOrRefuse(ports, tenant, files);
  return runTests(policies, tests, { now: ports.clock.now().getTime() });
}

/**
 * The same for what is to be published: the tests in a set must pass.
 * @throws AegisError `unprocessable`, with every fault in `details.faults` or every failed case in `details.tests`.
 */
export function compileAndTest(ports: Pick<Ports, "signals" | "clock">, tenant: string, files: readonly PolicyFile[]): PolicySet {
  const { policies, tests } = compileOrRefuse(ports, tenant, files);
  if (tests.length === 0) return policies;
  const { ok, failed, cases } = runTests(policies, tests, { now: ports.clock.now().getTime() });
  if (ok) return policies;
  ports.signals.untested(tenant, failed);
  throw new AegisError("unprocessable", `${failed} of ${cases.length} policy tests ${failed === 1 ? "fails" : "fail"}`, {
    details: { tests: cases.filter((one) => !one.ok) },
  });
}
