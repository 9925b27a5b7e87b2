import { expect, test } from "vitest";
import { payments } from "../src/documents.ts";
import { sharedTenant, type Tenant } from "../src/tenant.ts";

const good = { amount: 5, currency: "USD", recipient: "acct_ink" };
const chain = ["planner-agent", "finance-agent", "ledger-agent"];

async function exchange(tenant: Tenant, subject: string, agent: string): Promise<string> {
  const args = ["token", "exchange", "--tenant", tenant.name, "--subject-token", subject, "--agent", agent];
  return (await tenant.cli.json<{ access_token: string }>([...args, "--scope", "stripe-payments:create_payment"])).access_token;
}

/** What the ledger says once it has as many decisions as were made. */
async function ledgered<T>(tenant: Tenant, args: readonly string[], done: (answer: T) => boolean): Promise<T> {
  let answer = await tenant.cli.json<T>([...args, "--tenant", tenant.name]);
  await expect
    .poll(
      async () => {
        answer = await tenant.cli.json<T>([...args, "--tenant", tenant.name]);
        return done(answer);
      },
      { timeout: 30_000, interval: 500 },
    )
    .toBe(true);
  return answer;
}

test("a prompt of three levels is drawn, its agents' doings are told, and its decisions are found by all that names them", async () => {
  const tenant = await sharedTenant("lineage");
  const documents = ["planner", "finance", "ledger"].map((name) => payments.replaceAll("finance", name));
  await tenant.publish(...documents);
  for (const [at, agent] of chain.entries()) await tenant.register(agent, ...(at === 0 ? [] : ["--may-act", chain[at - 1] as string]));
  const issue = ["token", "issue", "--tenant", tenant.name, "--agent", "planner-agent", "--prompt", "p-7", "--session", "s-7"];
  const planner = (await tenant.cli.json<{ access_token: string }>(issue)).access_token;
  const finance = await exchange(tenant, planner, "finance-agent");
  const ledger = await exchange(tenant, finance, "ledger-agent");
  const ask = (agent: string, token: string, args: Record<string, unknown>, ...more: string[]) =>
    tenant.check({ agent, tool: "stripe-payments", action: "create_payment", args, more: ["--token", token, ...more] });
  await ask("planner-agent", planner, good, "--reasoning", "the invoice of jo@example.com is due");
  await ask("finance-agent", finance, good);
  const denied = await ask("ledger-agent", ledger, { ...good, currency: "XXX" });
  await ask("ledger-agent", ledger, { ...good, currency: "XXX" });
  expect(denied.decision).toBe("deny");

  interface Graph {
    decisions: number;
    actors: { id: string }[];
    calls: { actor: string; retries: number; decisions: Record<string, number> }[];
  }
  const drawn = await ledgered<Graph>(tenant, ["audit", "graph", "--prompt", "p-7"], (graph) => graph.decisions === 4);
  expect(drawn.actors.map(({ id }) => id)).toEqual([chain[0], `${chain[0]}/${chain[1]}`, chain.join("/")]);
  expect(drawn.calls.at(-1)).toMatchObject({ actor: chain.join("/"), decisions: { deny: 2 }, retries: 1 });
  const draw = async (...more: string[]) => (await tenant.cli.run("audit", "graph", "--tenant", tenant.name, ...more)).stdout;
  expect(await draw("--session", "s-7")).toMatch(/planner-agent\n[\s\S]*└─ finance-agent\n[\s\S]*└─ ledger-agent\n.*2 deny/);
  expect(await draw("--prompt", "p-7", "--format", "dot")).toContain('n1 -> n2 [label="delegates"]');
  expect(await draw("--prompt", "p-7", "--format", "mermaid")).toContain('n0 -- "delegates" --> n1');

  const found = async (...by: string[]) =>
    (await tenant.cli.json<{ id: string }[]>(["audit", "query", "--tenant", tenant.name, ...by])).length;
  const reason = denied.reasons[0]?.code as string;
  expect(await found("--prompt", "p-7")).toBe(4);
  expect(await found("--session", "s-7", "--agent", "ledger-agent")).toBe(2);
  expect(await found("--reason", reason)).toBe(2);
  expect(await found("--reason", reason.slice(0, -1))).toBe(0);
  expect(await found("--digest", denied.actionDigest as string)).toBe(2);
  expect(await found("--policy-version", denied.policyVersion as string)).toBe(4);
  expect(await found("--from", "1h")).toBe(4);
  expect(await found("--to", "1h")).toBe(0);

  const outcome = ["outcome", "--tenant", tenant.name, "--token", finance, "--outcome", "executed"];
  const [paid] = await tenant.cli.json<{ id: string }[]>(["audit", "query", "--tenant", tenant.name, "--agent", "finance-agent"]);
  await tenant.cli.json([...outcome, "--decision-id", paid?.id as string]);
  await ledgered<unknown[]>(tenant, ["audit", "query", "--about", paid?.id as string], (entries) => entries.length === 1);
  const shown = await ledgered<{ verified: { ok: boolean } | null; related: { kind: string }[] }>(
    tenant,
    ["audit", "show", paid?.id as string],
    ({ verified }) => verified !== null,
  );
  expect(shown).toMatchObject({ verified: { ok: true }, related: [{ kind: "outcome" }] });

  const done = await tenant.cli.run("audit", "timeline", "--tenant", tenant.name, "--agent", "ledger-agent");
  expect(done.stdout).toMatch(/decisions +2 deny/);
  expect(done.stdout).toContain(`stripe-payments:create_payment  2 deny`);
  const reasoned = await tenant.cli.json<{ id: string }[]>(["audit", "query", "--tenant", tenant.name, "--agent", "planner-agent"]);
  const page = await tenant.cli.run("audit", "show", reasoned[0]?.id as string, "--tenant", tenant.name);
  expect(page.stdout).toMatch(/reasoning +the invoice of \[REDACTED:email\] is due/);
});
