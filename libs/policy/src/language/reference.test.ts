import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { withMemberTables } from "../../test/member-tables.ts";
import { runTests } from "../testing/run-tests.ts";
import { compile } from "./compile.ts";

const root = join(import.meta.dirname, "../../../..");
const reference = join(root, "docs/reference/policy.md");

/** Every policy that is shown, under the heading it stands below. */
const blocks = ["README.md", "docs/reference/policy.md"].flatMap((file) => {
  const text = readFileSync(join(root, file), "utf8");
  const found: { name: string; heading: string; text: string }[] = [];
  let heading = "";
  for (const match of text.matchAll(/^#+ (.*)$|^```yaml\n([\s\S]*?)^```/gm)) {
    if (match[1] !== undefined) heading = match[1];
    else found.push({ name: `${file} ${found.length + 1}`, heading, text: match[2] ?? "" });
  }
  return found;
});

test.each(blocks)("the policy shown in $name compiles", ({ name, text }) => {
  expect(compile([{ name, text }], { tenant: "acme" })).toMatchObject({ ok: true });
});

/** Written as a PolicyTest would, for the policies that the reference shows under a heading. */
const calls: Record<string, string> = {
  "A bare policy": `
    - { name: within bounds, call: { agent: finance-agent, tool: stripe-payments, action: create_payment, arguments: { amount: 5000, currency: EUR, recipient: acct_1, more: 1 } }, expect: { decision: allow } }
    - { name: above, call: { agent: finance-agent, tool: stripe-payments, action: create_payment, arguments: { amount: 5001, currency: EUR, recipient: acct_1 } }, expect: { decision: approval_needed, reasons: [parameter_out_of_range] } }
    - { name: text, call: { agent: finance-agent, tool: stripe-payments, action: create_payment, arguments: { amount: "5", currency: EUR, recipient: acct_1 } }, expect: { decision: deny, reasons: [parameter_type] } }
    - { name: missing, call: { agent: finance-agent, tool: stripe-payments, action: create_payment, arguments: { amount: 5, currency: EUR } }, expect: { decision: deny, reasons: [parameter_missing] } }`,
  "Results and sessions": `
    - { name: before, call: { agent: research-agent, tool: mail, action: send }, expect: { decision: allow } }
    - { name: after, call: { agent: research-agent, tool: mail, action: send, session: { labels: [untrusted] } }, expect: { decision: deny, reasons: [session_flow] } }
    - { name: asks, call: { agent: research-agent, tool: http, action: post, session: { calls: ["crm:export_all"] } }, expect: { decision: approval_needed, reasons: [session_flow] } }
    - { name: another call, call: { agent: research-agent, tool: http, action: post, session: { calls: ["crm:read"] } }, expect: { decision: allow } }`,
  "Conditions and computed costs": `
    - { name: small, call: { agent: support-agent, tool: shop, action: refund, arguments: { amount: 100, reason: broken } }, expect: { decision: allow } }
    - { name: large, call: { agent: support-agent, tool: shop, action: refund, arguments: { amount: 101, reason: late again } }, expect: { decision: deny, reasons: [condition_false] } }
    - { name: goodwill, call: { agent: support-agent, tool: shop, action: refund, arguments: { amount: 101, reason: late again }, context: { purpose: goodwill } }, expect: { decision: allow } }
    - { name: all, call: { agent: support-agent, tool: shop, action: close, arguments: { tags: [done, duplicate] } }, expect: { decision: approval_needed, queue: support, reasons: [approval_required] } }
    - { name: not all, call: { agent: support-agent, tool: shop, action: close, arguments: { tags: [done, open] } }, expect: { decision: approval_needed, reasons: [condition_false, approval_required] } }
    - { name: no text, call: { agent: support-agent, tool: shop, action: refund, arguments: { amount: 101, reason: 1 } }, expect: { decision: deny } }`,
};

const header = "\n---\napiVersion: aegis.dev/v1\nkind: PolicyTest\nmetadata: { name: calls }\nspec:\n  cases:";
const shown = (heading: string): string => blocks.find((block) => block.heading === heading && block.name.startsWith("docs"))?.text ?? "";
const tested = Object.entries(calls).map(([heading, cases]) => ({ heading, text: `${shown(heading)}${header}${cases}\n` }));

test.each([...tested, { heading: "PolicyTest", text: `${shown("AgentPolicy")}---\n${shown("PolicyTest")}` }])(
  "what is shown under $heading decides as the reference says",
  ({ text }) => {
    const compiled = compile([{ name: "shown.yaml", text }], { tenant: "acme" });
    if (!compiled.ok) throw new Error(JSON.stringify(compiled.faults));
    const { cases } = runTests(compiled.policies, compiled.tests, { now: 1_800_000_000_000 });
    expect(cases.length).toBeGreaterThan(3);
    expect(cases.filter(({ mismatches }) => mismatches.length > 0)).toEqual([]);
  },
);

test("the reference's tables are those of the schema", async () => {
  await expect(withMemberTables(readFileSync(reference, "utf8"))).toMatchFileSnapshot(reference);
});
