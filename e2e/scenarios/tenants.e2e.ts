import { expect, test } from "vitest";
import { payments } from "../src/documents.ts";
import { codes, sharedTenant } from "../src/tenant.ts";

test("the same agent name in another tenant has no policy, no digest, no approval and no override of the first", async () => {
  const [first, second] = [await sharedTenant("first"), await sharedTenant("second")];
  const published = await first.publish(payments);
  await first.register("finance-agent");
  await second.register("finance-agent");
  const large = {
    agent: "finance-agent",
    tool: "stripe-payments",
    action: "create_payment",
    args: { amount: 9_999, currency: "USD", recipient: "acct_ink" },
  };

  const inSecond = await second.check(large);
  expect([inSecond.decision, ...codes(inSecond)]).toEqual(["deny", "policy_missing"]);
  expect(JSON.stringify(inSecond)).not.toContain(published.digest);

  const held = await first.check(large);
  const id = held.approval?.id ?? "";
  await expect
    .poll(() => first.cli.json(["approvals", "show", id, "--tenant", first.name], "any"), { timeout: 20_000 })
    .toMatchObject({ state: "pending" });
  expect((await second.cli.run("approvals", "show", id, "--tenant", second.name)).code).toBe(1);
  expect((await second.cli.run("approvals", "approve", id, "--tenant", second.name, "--as", "bob")).code).toBe(1);
  await first.cli.json(["approvals", "approve", id, "--tenant", first.name, "--as", "bob"]);

  const { access_token: stranger } = await second.cli.json<{ access_token: string }>([
    "token",
    "issue",
    "--tenant",
    second.name,
    "--agent",
    "finance-agent",
  ]);
  expect((await second.cli.run("approvals", "override", id, "--tenant", second.name, "--token", stranger)).code).toBe(1);
  const { access_token: own } = await first.cli.json<{ access_token: string }>([
    "token",
    "issue",
    "--tenant",
    first.name,
    "--agent",
    "finance-agent",
  ]);
  const { override_token: override } = await first.cli.json<{ override_token: string }>([
    "approvals",
    "override",
    id,
    "--tenant",
    first.name,
    "--token",
    own,
  ]);

  await second.publish(payments);
  const stolen = await second.check({ ...large, more: ["--override", override] });
  expect(stolen.decision).not.toBe("allow");
  expect(await first.check({ ...large, more: ["--token", own, "--override", override] })).toMatchObject({ decision: "allow" });
});
