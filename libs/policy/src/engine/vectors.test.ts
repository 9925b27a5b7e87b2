import type { Reason } from "@aegis/contracts/reasons";
import { describe, expect, test } from "vitest";
import { decisionVectors, type Expected, type ExpectedReason, faultVectors } from "../../test/vectors.ts";
import type { Verdict } from "../input.ts";
import type { PolicySet } from "../ir.ts";
import { compile } from "../language/compile.ts";
import { prepare } from "./snapshot.ts";

const snapshotOf = (policies: PolicySet) => prepare({ tenant: "acme", revision: 1, version: "1-0", digest: "sha256:0", policies });

for (const { name, description, policies, cases } of decisionVectors()) {
  describe(`${name}: ${description}`, () => {
    const snapshot = snapshotOf(policies);
    for (const { name: title, input, expect: wanted } of cases) {
      test(title, () => {
        const verdict = snapshot.evaluate(input);
        expect(shown(verdict, wanted)).toEqual(wanted);
        for (const reason of verdict.reasons) expect(reason.message).not.toBe("");
      });
    }
  });
}

for (const { name, cases } of faultVectors()) {
  describe(name, () => {
    for (const { name: title, files, faults } of cases) {
      test(title, () => {
        const result = compile(files, { tenant: "acme" });
        const found = result.ok ? [] : result.faults;
        const given = found.map((fault, index) => ({
          at: `${fault.file}:${fault.line}:${fault.column}`,
          code: fault.code,
          ...(faults[index]?.message !== undefined && { message: fault.message }),
          ...(faults[index]?.hint !== undefined && { hint: fault.hint }),
        }));
        expect(given).toEqual(faults);
        for (const fault of found) expect(fault.message).not.toBe("");
      });
    }
  });
}

/** A verdict reduced to what a case names. */
function shown(verdict: Verdict, wanted: Expected): unknown {
  const { decision, reasons, shadow, redactions, charges } = verdict;
  const members: Record<keyof Expected, unknown> = {
    decision,
    reasons: named(reasons, wanted.reasons),
    shadow: shadow === undefined ? null : { decision: shadow.decision, reasons: named(shadow.reasons, wanted.shadow?.reasons ?? []) },
    redactions: redactions.map(({ finding, action }) => [finding.detector, finding.pointer, action]),
    approval: verdict.approval,
    charges: charges.map(({ scope, unit, window, units }) => [scope, unit, window, units]),
    obligations: verdict.obligations,
    durability: verdict.durability,
    overridable: verdict.overridable,
    cost: verdict.cost,
  };
  return Object.fromEntries(Object.keys(wanted).map((key) => [key, members[key as keyof Expected]]));
}

function named(reasons: readonly Reason[], wanted: readonly ExpectedReason[]): unknown[] {
  return reasons.map((reason, index) => {
    const { pointer, rule } = wanted[index] ?? {};
    return {
      code: reason.code,
      ...(pointer !== undefined && { pointer: reason.pointer }),
      ...(rule !== undefined && { rule: reason.rule }),
    };
  });
}
