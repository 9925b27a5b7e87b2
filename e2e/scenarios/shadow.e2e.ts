import { expect, test } from "vitest";
import { payments } from "../src/documents.ts";
import { codes, sharedTenant } from "../src/tenant.ts";

test("a policy in shadow lets the call through and reports what it would have said, in the answer and in the event", async () => {
  const tenant = await sharedTenant("shadow");
  await tenant.publish(payments.replace("spec:\n", "spec:\n  mode: shadow\n"));
  await tenant.register("finance-agent");
  const answer = await tenant.check({
    agent: "finance-agent",
    tool: "stripe-payments",
    action: "create_payment",
    args: { amount: 10, currency: "GBP", recipient: "acct_ink", memo: "jo@example.com" },
  });
  expect(answer.decision).toBe("allow");
  expect(answer.arguments, "untouched").toMatchObject({ currency: "GBP", memo: "jo@example.com" });
  expect(answer.shadow).toMatchObject({
    decision: "deny",
    reasons: expect.arrayContaining([expect.objectContaining({ code: "parameter_not_in_set" })]),
  });
  await expect
    .poll(() => tenant.cli.run("audit", "show", answer.decisionId, "--tenant", tenant.name, "--json").then((run) => run.stdout), {
      timeout: 20_000,
    })
    .toContain("parameter_not_in_set");
  expect(codes(answer)).toEqual([]);
});
