import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { compile } from "./compile.ts";
import { faultCodes } from "./fault.ts";

const root = join(import.meta.dirname, "../../../..");
const blocks = ["README.md", "docs/reference/policy.md"].flatMap((file) => {
  const text = readFileSync(join(root, file), "utf8");
  return [...text.matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map((match, index) => ({ name: `${file} ${index + 1}`, text: match[1] ?? "" }));
});

test.each(blocks)("the policy shown in $name compiles", ({ name, text }) => {
  expect(compile([{ name, text }], { tenant: "acme" })).toMatchObject({ ok: true });
});

test("the reference lists every fault code with its meaning", () => {
  const reference = readFileSync(join(root, "docs/reference/policy.md"), "utf8");
  for (const [code, meaning] of Object.entries(faultCodes)) expect(reference).toContain(`| \`${code}\` | ${meaning} |`);
});
