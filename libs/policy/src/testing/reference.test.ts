import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { compile } from "../language/compile.ts";
import { runTests } from "./run-tests.ts";

const page = readFileSync(join(import.meta.dirname, "../../../../docs/reference/policy-review.md"), "utf8");

test("the set that the page on reviews shows passes its own tests, and they meet each of its rules", () => {
  const text = /^```yaml\n([\s\S]*?)^```/m.exec(page)?.[1] ?? "";
  const compiled = compile([{ name: "finance.yaml", text }], { tenant: "acme" });
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.faults));
  expect(runTests(compiled.policies, compiled.tests, { now: 0 })).toMatchObject({ ok: true, passed: 3, covered: 100 });
});
