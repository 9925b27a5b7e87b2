import type { DecisionData } from "@aegis/contracts/decision-event";
import { expect, test } from "vitest";
import { policyStage } from "./recorded-call.ts";

type Told = Pick<DecisionData, "decision" | "reasons">;
const stage = ({ decision, reasons }: Told) => policyStage({ decision, reasons } as unknown as DecisionData);
const at = { message: "", rule: "p.yaml:3" };

test("what a budget, its threshold or a missing session refused is not what the policies said", () => {
  expect(stage({ decision: "deny", reasons: [{ code: "budget_exhausted", message: "" }] })).toEqual({ kind: "state" });
  expect(stage({ decision: "deny", reasons: [{ code: "session_flow", message: "the call names none" }] })).toEqual({ kind: "state" });
  expect(stage({ decision: "approval_needed", reasons: [{ code: "approval_required", message: "so much is used" }] })).toEqual({
    kind: "state",
  });
});

test("what names a rule is what the policies said", () => {
  for (const [decision, code] of [
    ["deny", "session_flow"],
    ["approval_needed", "approval_required"],
    ["deny", "tool_not_allowed"],
  ] as const)
    expect(stage({ decision, reasons: [{ code, ...at }] })).toEqual({ kind: "judged", decision, overridden: false });
});
