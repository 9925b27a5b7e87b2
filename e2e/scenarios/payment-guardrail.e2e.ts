import { expect, test } from "vitest";
import { bareGovernance, barePayments, payments } from "../src/documents.ts";
import { codes, sharedTenant } from "../src/tenant.ts";

const payment = (args: Record<string, unknown>, ...more: string[]) => ({
  agent: "finance-agent",
  tool: "stripe-payments",
  action: "create_payment",
  args,
  more,
});

test("both documents found in the wild are accepted unchanged and enforced", async () => {
  const tenant = await sharedTenant("wild");
  await tenant.publish(barePayments, bareGovernance);
  await tenant.register("finance-agent");
  const prompt = ["--prompt", "p-1"];
  expect(await tenant.check(payment({ amount: 4200 }, ...prompt))).toMatchObject({ decision: "allow", reasons: [] });
  const refused = async (question: ReturnType<typeof payment>) => {
    const answer = await tenant.check(question);
    return [answer.decision, ...codes(answer)];
  };
  expect(await refused(payment({ amount: 50_000 }, ...prompt))).toEqual(["deny", "parameter_out_of_range"]);
  expect(await refused(payment({ amount: "4200" }, ...prompt))).toEqual(["deny", "parameter_type"]);
  expect(await refused(payment({}, ...prompt))).toEqual(["deny", "parameter_missing"]);
  expect(await refused({ ...payment({ amount: 1 }, ...prompt), tool: "wire-transfers" })).toEqual([
    "deny",
    "tool_not_allowed",
    "scope_missing",
  ]);
  expect(await refused({ ...payment({ amount: 1 }, ...prompt), action: "refund" })).toEqual(["deny", "action_not_allowed"]);
  expect(await refused(payment({ amount: 4200 }))).toEqual(["deny", "prompt_missing"]);
});

test("above the bound a human approves once, the same call passes once, and never again", async () => {
  const tenant = await sharedTenant("approve");
  await tenant.publish(payments);
  await tenant.register("finance-agent");
  const { access_token: token } = await tenant.cli.json<{ access_token: string }>([
    "token",
    "issue",
    "--tenant",
    tenant.name,
    "--agent",
    "finance-agent",
  ]);
  const large = payment({ amount: 50_000, currency: "USD", recipient: "acct_ink" }, "--token", token);

  const held = await tenant.check(large);
  expect(held).toMatchObject({ decision: "approval_needed", approval: { id: expect.any(String) } });
  expect(codes(held)).toContain("parameter_out_of_range");
  const id = held.approval?.id ?? "";

  await expect
    .poll(() => tenant.cli.json(["approvals", "show", id, "--tenant", tenant.name], "any"), { timeout: 20_000 })
    .toMatchObject({ state: "pending" });
  const pending = await tenant.cli.json<{ id: string }[]>(["approvals", "list", "--tenant", tenant.name]);
  expect(pending.map((one) => one.id)).toContain(id);
  expect(await tenant.cli.json(["approvals", "approve", id, "--tenant", tenant.name, "--as", "bob"])).toMatchObject({ state: "approved" });

  const { override_token: override } = await tenant.cli.json<{ override_token: string }>([
    "approvals",
    "override",
    id,
    "--tenant",
    tenant.name,
    "--token",
    token,
  ]);
  expect((await tenant.cli.run("approvals", "override", id, "--tenant", tenant.name, "--token", token)).code).toBe(1);

  const changed = await tenant.check(
    payment({ amount: 50_001, currency: "USD", recipient: "acct_ink" }, "--token", token, "--override", override),
  );
  expect([changed.decision, ...codes(changed)]).toContain("override_invalid");
  expect(changed.decision).toBe("deny");

  const same = payment({ amount: 50_000, currency: "USD", recipient: "acct_ink" }, "--token", token, "--override", override);
  expect(await tenant.check(same)).toMatchObject({ decision: "allow" });
  const again = await tenant.check(same);
  expect(again.decision).toBe("deny");
  expect(codes(again)).toContain("override_invalid");
});

test("a human's no is a no: the override is never handed out", async () => {
  const tenant = await sharedTenant("denied");
  await tenant.publish(payments);
  await tenant.register("finance-agent");
  const held = await tenant.check(payment({ amount: 9_000, currency: "EUR", recipient: "acct_ink" }));
  const id = held.approval?.id ?? "";
  await expect
    .poll(() => tenant.cli.json(["approvals", "show", id, "--tenant", tenant.name], "any"), { timeout: 20_000 })
    .toMatchObject({ state: "pending" });
  expect(await tenant.cli.json(["approvals", "deny", id, "--tenant", tenant.name, "--as", "carol"])).toMatchObject({ state: "denied" });
  expect((await tenant.cli.run("approvals", "approve", id, "--tenant", tenant.name, "--as", "bob")).code).toBe(1);
  const { access_token: token } = await tenant.cli.json<{ access_token: string }>([
    "token",
    "issue",
    "--tenant",
    tenant.name,
    "--agent",
    "finance-agent",
  ]);
  expect((await tenant.cli.run("approvals", "override", id, "--tenant", tenant.name, "--token", token)).code).toBe(1);
});
