import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { given } from "../../test/given.ts";

interface Case {
  readonly name: string;
  readonly action?: string;
  readonly arguments: Record<string, unknown>;
  readonly override?: "good" | "spent" | "away";
  readonly left?: number;
  readonly dryRun?: boolean;
  readonly expect: { decision: string; reasons: string[]; reserved: number; returned: number; redemptions: number };
}

const file = join(import.meta.dirname, "../../../../vectors/order/approval-and-budget.json");
const { policy, cases } = JSON.parse(readFileSync(file, "utf8")) as { policy: string; cases: Case[] };

test.each(cases)("$name", async (one) => {
  const { call, approvals, budget } = given({ policy });
  if (one.override === "good") approvals.good.add("override");
  approvals.reachable = one.override !== "away";
  if (one.left !== undefined) budget.left = one.left;
  const draft = await call(
    {
      ...(one.override === undefined ? {} : { overrideToken: "override" }),
      ...(one.action === undefined ? {} : { action: one.action }),
      dryRun: one.dryRun ?? false,
    },
    one.arguments,
  );
  expect({
    decision: draft.decision,
    reasons: draft.reasons.map((reason) => reason.code),
    reserved: budget.reserved,
    returned: budget.returned,
    redemptions: approvals.asked.length,
  }).toEqual(one.expect);
});
