import { expect, inject, test } from "vitest";
import { attach } from "../src/fabric.ts";

interface Demo {
  ok: boolean;
  tenant: string;
  steps: { name: string; decision: string; expected: string; reasons: { code: string }[] }[];
  verify: { ok: boolean; entries: number; checkpoints: number };
}

test("the demo plays both examples as told, ends in a verified ledger, and plays again on the same fabric", async () => {
  const { cli } = await attach(inject("fabric"));
  const first = await cli.json<Demo>(["demo"]);
  expect(first.steps.filter(({ decision, expected }) => decision !== expected)).toEqual([]);
  expect(first.verify).toMatchObject({ ok: true });
  expect(first.verify.entries).toBeGreaterThan(first.steps.length / 2);
  const decided = (decision: string) =>
    first.steps.filter((step) => step.decision === decision).flatMap((step) => step.reasons.map(({ code }) => code));
  expect(decided("deny")).toEqual(
    expect.arrayContaining([
      "parameter_out_of_range",
      "parameter_type",
      "tool_not_allowed",
      "override_invalid",
      "egress_blocked",
      "purpose_not_allowed",
      "explicitly_denied",
      "scope_missing",
    ]),
  );
  expect(decided("sanitize")).toContain("pii_found");
  const second = await cli.json<Demo>(["demo"]);
  expect(second).toMatchObject({ ok: true });
  expect(second.tenant).not.toBe(first.tenant);
});
