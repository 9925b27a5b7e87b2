import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { payments } from "../src/documents.ts";
import { sharedTenant } from "../src/tenant.ts";

test("the inventory shows use and what was never needed; an export registers the same agents elsewhere, once", async () => {
  const [first, second] = [await sharedTenant("inventory"), await sharedTenant("moved")];
  await first.publish(payments);
  await first.register("finance-agent", "mail:send");
  await first.register("idle-agent");
  const args = { amount: 1, currency: "USD", recipient: "acct_ink" };
  await first.check({ agent: "finance-agent", tool: "stripe-payments", action: "create_payment", args });

  const inventory = () => first.cli.json<Record<string, unknown>[]>(["agent", "inventory", "--tenant", first.name]);
  await expect
    .poll(async () => (await inventory())[0], { timeout: 60_000, interval: 500 })
    .toMatchObject({
      ...{ agent: "finance-agent", lastIssuedAt: expect.any(String), lastCallAt: expect.any(String), unused: ["mail:send"] },
    });
  expect((await inventory())[1]).toMatchObject({ agent: "idle-agent", unused: ["stripe-payments:*"], unjustified: ["stripe-payments:*"] });

  const exported = await first.cli.run("agent", "export", "--tenant", first.name);
  const file = join(await mkdtemp(join(tmpdir(), "export-")), "agents.jsonl");
  await writeFile(file, exported.stdout);
  const take = (...more: string[]) =>
    second.cli.json<{ outcome: string }[]>(["agent", "import", file, "--tenant", second.name, ...more], "any");
  const outcomes = async (...more: string[]) => (await take(...more)).map(({ outcome }) => outcome);
  expect(await outcomes("--dry-run")).toEqual(["created", "created"]);
  expect([await outcomes(), await outcomes()]).toEqual([
    ["created", "created"],
    ["unchanged", "unchanged"],
  ]);
  await writeFile(file, exported.stdout.replaceAll('"risk":"low"', '"risk":"high"'));
  expect(await take()).toMatchObject([{ outcome: "differs", differs: ["risk"] }, { outcome: "differs" }]);
});
