import { spawnSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";

const policy = `
agent: finance-agent
allowed_tools:
- name: stripe-payments
  actions: [create_payment]
  conditions: { max_amount: 5000, on_violation: approval_needed }
`;

test("simulate decides each line without a fabric, and with --explain says how", () => {
  const directory = mkdtempSync(join(tmpdir(), "aegis-simulate-"));
  const [draft, requests] = [join(directory, "draft.yaml"), join(directory, "calls.jsonl")];
  writeFileSync(draft, policy);
  const call = (amount: unknown) =>
    JSON.stringify({ agent: "finance-agent", tool: "stripe-payments", action: "create_payment", arguments: { amount } });
  writeFileSync(requests, [call(10), call(9000), call("10")].join("\n"));
  const simulate = (...more: string[]) => {
    const args = ["policy", "simulate", "--tenant", "acme", "--policy", draft, "--requests", requests, ...more];
    return spawnSync(resolve(import.meta.dirname, "../../../aegis"), args, { encoding: "utf8", timeout: 60_000 });
  };
  const plain = simulate("--json");
  expect(plain.status).toBe(0);
  expect(JSON.parse(plain.stdout).map(({ decision }: { decision: string }) => decision)).toEqual(["allow", "approval_needed", "deny"]);
  const explained = simulate("--explain");
  expect(explained.stdout).toContain("finance-agent (draft.yaml:2)");
  expect(explained.stdout).toMatch(
    /line 2:[\s\S]*parameters +asks\n +parameter_out_of_range \/amount[\s\S]*approval_needed: parameter_out_of_range/,
  );
  expect(explained.stdout).toContain("allow: nothing stands in the way");
});
