import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "../src/cli.ts";
import { sharedTenant } from "../src/tenant.ts";

interface Result {
  readonly finance: readonly string[];
  readonly clinical: readonly string[];
  readonly effects: { readonly payments: readonly Record<string, unknown>[]; readonly reads: readonly string[] };
}

test("two LangGraph agents do what policy lets them, and what is refused never reaches the tool", async () => {
  const tenant = await sharedTenant("graph");
  const policy = async (name: string) => await readFile(join(root, "examples/langgraph/policies", `${name}.yaml`), "utf8");
  await tenant.publish(await policy("finance"), await policy("clinical"));
  const finance = await tenant.register("finance-agent");
  const clinical = await tenant.register("clinical-agent", "--scope", "ehr:*");

  const child = spawn(join(root, "node_modules/.bin/node"), [join(root, "examples/langgraph/src/main.ts")], {
    env: {
      ...process.env,
      TENANT: tenant.name,
      AEGIS_ENDPOINTS: tenant.cli.endpointsFile,
      FINANCE_AGENT_KEY: finance.keyFile,
      CLINICAL_AGENT_KEY: clinical.keyFile,
      APPROVAL_TIMEOUT_MS: "60000",
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let stdout = "";
  child.stdout.on("data", (chunk) => {
    stdout += chunk;
  });
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));

  // The agent waits for a human: be the human.
  let id = "";
  await expect
    .poll(
      async () => {
        const [first] = await tenant.cli.json<{ id: string }[]>(["approvals", "list", "--tenant", tenant.name]);
        id = first?.id ?? "";
        return id;
      },
      { timeout: 60_000 },
    )
    .not.toBe("");
  await tenant.cli.json(["approvals", "approve", id, "--tenant", tenant.name, "--as", "bob"]);

  expect(await ended).toBe(0);
  const result = JSON.parse(stdout) as Result;
  expect(result.effects.payments).toHaveLength(2);
  expect(result.effects.payments[0]).toMatchObject({ amount: 4200, recipient: "acct_ink" });
  expect(JSON.stringify(result.effects.payments)).not.toContain("jo@example.com");
  expect(result.effects.payments[1]).toMatchObject({ amount: 50_000 });
  expect(result.effects.reads).toEqual([`/patients/${tenant.name}/records/p-17`]);
  expect(result.finance[1]).toContain("parameter_pattern");
  expect(result.clinical[1]).toContain("explicitly_denied");
});
