import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { policySchema, schemaNames } from "@aegis/policy/policy-schema";
import { expect, test } from "vitest";

const aegis = (...args: string[]) =>
  spawnSync(resolve(import.meta.dirname, "../../../aegis"), ["policy", "schema", ...args], { encoding: "utf8", timeout: 20_000 });

test("the schema of every document is printed, for people and for programs alike", () => {
  expect(JSON.parse(aegis().stdout)).toEqual(policySchema());
  for (const name of schemaNames) expect(JSON.parse(aegis(name, "--json").stdout)).toEqual(policySchema(name));
});

test("a kind that is not there is refused with those that are", () => {
  const { status, stderr } = aegis("Policy");
  expect(status).toBe(2);
  expect(stderr).toContain("AgentPolicy, Governance, ToolCatalog, PolicyTest, agent, governance");
});
