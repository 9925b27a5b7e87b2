import { mkdir, mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { codes, sharedTenant } from "../src/tenant.ts";

const rules = `apiVersion: aegis.dev/v1
kind: Governance
metadata: { name: rules }
spec: { require_approval: true }
`;

const policy = (max: number) => `# payments, as agreed\r
apiVersion: aegis.dev/v1
kind: AgentPolicy
metadata: { name: finance }
spec:
  agents: [finance-agent]
  mode: shadow   # until it is known what it refuses
  tools:
    - name: stripe-payments
      deny: [delete_*]
      actions:
        - name: create_payment
          parameters:
            amount: { type: number, max: ${max} }
`;

const tests = (decision: string) => `apiVersion: aegis.dev/v1
kind: PolicyTest
metadata: { name: payments }
spec:
  cases:
    - name: small <one> & "good"
      call: { agent: finance-agent, tool: stripe-payments, action: create_payment, arguments: { amount: 10 } }
      expect: { decision: allow }
    - name: large
      call: { agent: finance-agent, tool: stripe-payments, action: create_payment, arguments: { amount: 5001 } }
      expect: { decision: allow, shadow: ${decision} }
`;

test("policies are tested, reviewed, approved by a second person, promoted and rolled back from the command line", async () => {
  const { name: tenant, cli, register, check } = await sharedTenant("review");
  const directory = await mkdtemp(join(tmpdir(), "review-"));
  const at = async (file: string, text: string) => {
    await writeFile(join(directory, file), text);
    return join(directory, file);
  };
  const run = (...args: string[]) => cli.run("policy", ...args, "--tenant", tenant);
  const json = <T = Record<string, unknown>>(args: string[], expected?: number) =>
    cli.json<T>(["policy", ...args, "--tenant", tenant], expected);
  await register("finance-agent", "--risk", "low");

  // Tests, offline and at the door.
  const files = [await at("finance.yaml", policy(5_000)), await at("rules.yaml", rules), await at("tests.yaml", tests("allow"))];
  const junit = join(directory, "junit.xml");
  const failed = await run("test", ...files, "--junit", junit);
  expect([failed.code, failed.stdout]).toEqual([
    4,
    expect.stringMatching(/FAIL .*tests\.yaml:9 payments: large\n {2}shadow: expected allow, got deny/),
  ]);
  expect(await readFile(junit, "utf8")).toContain('name="small &lt;one&gt; &amp; &quot;good&quot;"');
  expect((await run("publish", ...files)).code, "a set whose own tests fail").toBe(4);
  await at("tests.yaml", tests("deny"));
  const tested = await json<{ covered: number; coverage: { hits: number; name: string }[] }>(["test", ...files]);
  expect(tested.coverage.filter(({ hits }) => hits === 0).map((one) => one.name)).toEqual(["stripe-payments:delete_*"]);
  expect((await run("test", ...files, "--min-coverage", "80")).code).toBe(4);
  await json(["publish", ...files, "--message", "the first", "--as", "alice@acme.test", "--wait"]);

  // A second person.
  await at("finance.yaml", policy(2_000));
  const diff = await run("diff", ...files);
  expect(diff.stdout).toBe(
    "finance-agent\n  ~ in shadow: stripe-payments:create_payment amount: at most 5,000 → at most 2,000\n\n1 change for 1 agent: 1 is neither\n",
  );
  expect((await run("diff", ...files, "--exit-code")).code).toBe(1);
  const proposed = await json<{ revision: number; state: string }>(["publish", ...files, "--as", "alice@acme.test", "--wait"]);
  expect(proposed).toMatchObject({ revision: 2, state: "proposed" });
  const own = await run("approve", "2", "--as", "Alice@acme.test");
  expect([own.code, own.stderr]).toEqual([1, expect.stringContaining("nobody approves their own proposal")]);
  expect(await json(["approve", "2", "--as", "bob@acme.test", "--wait"])).toMatchObject({ revision: 2, state: "published" });

  // Out of shadow, with what that would have refused.
  const large = { agent: "finance-agent", tool: "stripe-payments", action: "create_payment", args: { amount: 3_000 } };
  const seen = await check(large);
  expect([seen.decision, seen.shadow?.decision]).toEqual(["allow", "deny"]);
  await expect
    .poll(() => cli.run("audit", "show", seen.decisionId, "--tenant", tenant).then(({ code }) => code), { timeout: 20_000 })
    .toBe(0);
  expect((await run("promote", "--risk", "high", "--yes")).code, "no agent of that tier").toBe(1);
  await at("tests.yaml", tests("deny"));
  const tied = await run("promote", "finance", "--yes", "--as", "alice@acme.test");
  expect([tied.code, tied.stdout], "its own test says that it is in shadow").toEqual([4, expect.stringContaining("payments: large")]);
  const untested = await json<{ revision: number }>(["publish", ...files.slice(0, 2), "--as", "alice@acme.test"]);
  await json(["approve", String(untested.revision), "--as", "bob@acme.test", "--wait"]);
  const promoted = await cli.run("policy", "promote", "--risk", "low", "--yes", "--as", "alice@acme.test", "--tenant", tenant);
  expect(promoted.stderr).toContain("allow → deny: 1");
  expect([promoted.code, promoted.stdout]).toEqual([0, expect.stringMatching(/revision 4 is proposed/)]);
  await json(["approve", "4", "--as", "bob@acme.test", "--wait"]);
  const refused = await check(large);
  expect([refused.decision, codes(refused)]).toEqual(["deny", ["parameter_out_of_range"]]);

  // The files of then, byte for byte but for the word; and back.
  const out = join(directory, "out");
  await mkdir(out);
  const shown = await json<{ files: { name: string; text: string }[]; author: string; approver: string }>([
    "show",
    "--revision",
    "4",
    "--out",
    out,
  ]);
  expect([shown.author, shown.approver]).toEqual(["alice@acme.test", "bob@acme.test"]);
  expect(shown.files[0]?.text).toBe(policy(2_000).replace("mode: shadow ", "mode: enforce "));
  expect(await readFile(join(out, shown.files[0]?.name ?? ""), "utf8")).toBe(shown.files[0]?.text);
  const back = await json<{ revision: number }>(["rollback", "--to", "3", "--as", "alice@acme.test", "--message", "too early"]);
  await json(["approve", String(back.revision), "--as", "bob@acme.test", "--wait"]);
  expect((await check(large)).decision).toBe("allow");
  const history = await json<{ head: number; revisions: { revision: number; restores?: number; message: string }[] }>(["history"]);
  expect([history.head, history.revisions.length, history.revisions[0]]).toEqual([
    5,
    5,
    expect.objectContaining({ restores: 3, message: "too early" }),
  ]);

  // The ledger has each step.
  const types = async () =>
    (await cli.json<{ type: string }[]>(["audit", "query", "--kind", "control", "--tenant", tenant])).map(({ type }) =>
      type.replace(/^dev\.aegis\.policy\.|\.v1$/g, ""),
    );
  await expect
    .poll(types, { timeout: 20_000 })
    .toEqual(expect.arrayContaining(["published", "proposed", "approved", "promoted", "rolledback"]));
});
