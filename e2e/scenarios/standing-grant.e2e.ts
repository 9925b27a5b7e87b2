import { expect, test } from "vitest";
import { payments } from "../src/documents.ts";
import { sharedTenant } from "../src/tenant.ts";

interface Grant {
  id: string;
  state: string;
  uses: number;
}

test("a person's standing leave lets like calls pass so often, within its bounds, each on record, until it is taken back", async () => {
  const tenant = await sharedTenant("standing");
  await tenant.publish(payments);
  await tenant.register("finance-agent");
  const pay = (amount: number, recipient = "acct_ink") =>
    tenant.check({
      agent: "finance-agent",
      tool: "stripe-payments",
      action: "create_payment",
      args: { amount, currency: "USD", recipient },
    });
  const approvals = <T>(...args: string[]) => tenant.cli.json<T>(["approvals", ...args, "--tenant", tenant.name]);
  const held = await pay(50_000);
  expect(held.decision).toBe("approval_needed");
  const id = held.approval?.id ?? "";
  await expect.poll(() => tenant.cli.run("approvals", "show", id, "--tenant", tenant.name).then(({ code }) => code)).toBe(0);
  await expect
    .poll(async () => (await approvals<{ ids: string[] }[]>("groups")).flatMap(({ ids }) => ids), { timeout: 20_000 })
    .toContain(id);
  const bounds = ["--max", "/amount=60000", "--equals", "/recipient=acct_ink"];
  const grant = await approvals<Grant>("grant", id, "--uses", "2", "--expires", "1h", ...bounds, "--as", "bob");
  expect(grant).toMatchObject({ state: "live", uses: 0 });

  expect((await pay(60_001)).decision).toBe("approval_needed");
  expect((await pay(55_000, "acct_other")).decision).toBe("approval_needed");
  const passed = [await pay(55_000), await pay(60_000)];
  expect(passed.map(({ decision }) => decision)).toEqual(["allow", "allow"]);
  expect((await pay(55_000)).decision).toBe("approval_needed");
  expect(await approvals<Grant[]>("grants")).toMatchObject([{ id: grant.id, state: "used up", uses: 2 }]);

  const again = await approvals<Grant>("grant", id, "--uses", "9", "--expires", "1h", ...bounds, "--as", "bob");
  expect((await pay(51_000)).decision).toBe("allow");
  expect(await approvals<Grant>("revoke", again.id, "--as", "bob")).toMatchObject({ state: "revoked", uses: 1 });
  expect((await pay(51_000)).decision).toBe("approval_needed");

  // Each use is a decision on record that names the grant.
  const [first] = passed;
  await expect
    .poll(() => tenant.cli.json(["audit", "show", first?.decisionId ?? "", "--tenant", tenant.name], "any").then(JSON.stringify), {
      timeout: 30_000,
    })
    .toContain(`"grantOf":"${grant.id}"`);
});
