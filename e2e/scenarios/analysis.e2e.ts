import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { beforeAll, expect, test, vi } from "vitest";
import { Chance, type GeneratedCall, generatedCall, mutations, recordOf } from "../../libs/policy/test/generated-traffic.ts";
import { publishDecisions, type Recorded } from "../src/recorded-traffic.ts";
import { sharedTenant, type Tenant } from "../src/tenant.ts";

/** The short form; `AEGIS_RECORDED=50000` is the long one. */
const count = Number(process.env.AEGIS_RECORDED ?? 5_000);
const dayMs = 86_400_000;

const shadow = `
apiVersion: aegis.dev/v1
kind: AgentPolicy
metadata: { name: finance }
spec:
  agents: [finance-agent, sleeper-agent]
  mode: shadow
  tools:
    - { name: stripe-payments, justification: pays, review_by: "2026-01-31", actions: [{ name: create_payment }, { name: refund }] }
    - { name: mail, actions: [{ name: send }] }
`;

const draft = `
apiVersion: aegis.dev/v1
kind: AgentPolicy
metadata: { name: finance }
spec:
  agents: [finance-agent]
  tools:
    - name: stripe-payments
      justification: pays
      actions:
        - name: create_payment
          additional_parameters: allow
          parameters: { amount: { type: number, max: 100, beyond: approval_needed }, currency: { enum: [USD, EUR] } }
    - { name: mail, justification: writes, actions: [{ name: send, additional_parameters: allow }] }
`;

interface Made {
  readonly tenant: Tenant;
  readonly calls: readonly GeneratedCall[];
  readonly records: readonly Recorded[];
  readonly agents: readonly string[];
  readonly directory: string;
  /** Where seven tenths of the calls end. */
  readonly cut: number;
}

let made: Made;

beforeAll(async () => {
  const tenant = await sharedTenant("analysis");
  await tenant.publish(shadow);
  await tenant.register("finance-agent");
  await tenant.register("idle-agent");
  const chance = new Chance(7);
  const start = Date.now() - 20 * dayMs;
  const agents = Array.from({ length: count }, () =>
    chance.next() < 0.8 ? "finance-agent" : chance.pick(["planner-agent", "rogue-agent"]),
  );
  const calls = agents.map((_, at) => generatedCall(chance, at));
  const records = calls.map((call, at) => {
    const agent = agents[at] as string;
    const record = recordOf(call, at, { shadow: { decision: "deny", reasons: [] } });
    const principal = { ...record.data.principal, agent, subject: agent, chain: [agent] };
    const denied =
      agent === "rogue-agent" ? { decision: "deny" as const, reasons: [{ code: "policy_missing" as const, message: "" }] } : {};
    const id = `${tenant.name.slice(-8)}${record.data.decisionId.slice(8)}`;
    const time = new Date(start + Math.floor((19 * dayMs * at) / count)).toISOString();
    return { time, data: { ...record.data, decisionId: id, principal, ...denied } };
  });
  await publishDecisions(tenant.fabric, tenant.name, records);
  await using database = new Client(tenant.fabric.endpoints.postgresSuperuser);
  await vi.waitUntil(async () => (await database.ledgered(tenant.name)) === count, { timeout: 200_000, interval: 200 });
  made = { tenant, calls, records, agents, directory: await mkdtemp(join(tmpdir(), "analysis-")), cut: Math.floor(0.7 * count) };
});

class Client implements AsyncDisposable {
  readonly #client: pg.Client;
  readonly #connected: Promise<unknown>;

  constructor(url: string) {
    this.#client = new pg.Client({ connectionString: url });
    this.#connected = this.#client.connect();
  }

  async ledgered(tenant: string): Promise<number> {
    await this.#connected;
    const { rows } = await this.#client.query("select count(*) as count from audit.entries where tenant = $1 and kind = 'decision'", [
      tenant,
    ]);
    return Number(rows[0]?.count);
  }

  [Symbol.asyncDispose]() {
    return this.#client.end();
  }
}

/** Runs `aegis policy …` and says how long it took. */
async function policy<T>(...args: string[]): Promise<T> {
  const begun = performance.now();
  const result = await made.tenant.cli.json<T>(["policy", ...args, "--tenant", made.tenant.name]);
  console.log(`${args[0]} over ${count.toLocaleString("en-US")} recorded decisions: ${((performance.now() - begun) / 1000).toFixed(1)} s`);
  return result;
}

async function file(name: string, text: string): Promise<string> {
  const path = join(made.directory, name);
  await writeFile(path, text);
  return path;
}

const request = ({ tool, action, arguments: args, url, method, purpose }: GeneratedCall) =>
  JSON.stringify({ agent: "finance-agent", tool, action, arguments: args, url, method, purpose });

/** The draft by hand. */
function byDraft(agent: string, { tool, action, arguments: args }: GeneratedCall): string {
  if (agent !== "finance-agent") return "deny";
  if (tool === "mail" && action === "send") return "allow";
  if (tool !== "stripe-payments" || action !== "create_payment" || !["USD", "EUR"].includes(args.currency as string)) return "deny";
  return (args.amount as number) > 100 ? "approval_needed" : "allow";
}

test("replay counts what a draft would have decided otherwise", async () => {
  const { calls, agents, records } = made;
  const report = await policy<{
    records: number;
    changed: number;
    transitions: { from: string; to: string; calls: number; examples: { decisionId: string }[] }[];
  }>("replay", "--policy", await file("draft.yaml", draft), "--days", "30");
  const expected: Record<string, number> = {};
  records.forEach(({ data }, at) => {
    const key = `${data.decision} ${byDraft(agents[at] as string, calls[at] as GeneratedCall)}`;
    expected[key] = (expected[key] ?? 0) + 1;
  });
  expect(Object.fromEntries(report.transitions.map(({ from, to, calls: those }) => [`${from} ${to}`, those]))).toEqual(expected);
  expect(report.records).toBe(count);
  const ids = new Set(records.map(({ data }) => data.decisionId));
  for (const { examples } of report.transitions) for (const { decisionId } of examples) expect(ids).toContain(decisionId);
});

test("learn drafts a policy from seven tenths of the calls that simulate then allows the others by, and not their mutations", async () => {
  const { calls, agents, records, cut, directory } = made;
  const learned = await policy<{ calls: number; bytes: number; mostBytes: number }>(
    "learn",
    "--agent",
    "finance-agent",
    "--since",
    new Date(Date.now() - 30 * dayMs).toISOString(),
    "--until",
    (records[cut] as Recorded).time,
    "--out",
    join(directory, "learned.yaml"),
  );
  expect(learned.calls).toBe(agents.slice(0, cut).filter((agent) => agent === "finance-agent").length);
  expect(learned.bytes).toBeLessThanOrEqual(learned.mostBytes);
  expect((await readFile(join(directory, "learned.yaml"), "utf8")).length).toBe(learned.bytes);
  const validated = await made.tenant.cli.run("policy", "validate", join(directory, "learned.yaml"), "--tenant", made.tenant.name);
  expect([validated.code, validated.stdout]).toEqual([0, "1 file is valid\n"]);

  const others = calls.filter((_, at) => at >= cut && agents[at] === "finance-agent");
  const simulate = async (name: string, from: readonly GeneratedCall[]) => {
    const requests = await file(name, from.map(request).join("\n"));
    return policy<{ decision: string; line: number }[]>("simulate", "--policy", join(directory, "learned.yaml"), "--requests", requests);
  };
  const verdicts = await simulate("others.jsonl", others);
  expect(verdicts.map(({ line }) => line)).toEqual(others.map((_, at) => at + 1));
  expect(verdicts.filter(({ decision }) => decision === "allow").length / others.length).toBeGreaterThanOrEqual(0.98);

  const chance = new Chance(11);
  const changed = others.flatMap((call) => Object.values(mutations).flatMap((mutate) => mutate(call, chance) ?? []));
  const refused = (await simulate("mutated.jsonl", changed)).filter(({ decision }) => decision === "deny").length;
  console.log(
    `allowed ${verdicts.filter(({ decision }) => decision === "allow").length} of ${others.length}; refused ${refused} of ${changed.length} mutated`,
  );
  expect(refused / changed.length).toBeGreaterThanOrEqual(0.95);
});

test("drift finds grants without use, and agents without registration", async () => {
  const { agents } = made;
  interface Seen {
    readonly agent: string;
    readonly calls: number;
  }
  const report = await policy<{
    unused: { agent: string; tool: string; action: string }[];
    unregistered: Seen[];
    ungoverned: Seen[];
    unseen: { agent: string }[];
    unjustified: { tool: string }[];
    overdue: { tool: string; reviewBy: string }[];
  }>("drift", "--days", "30", "--publish");
  const calls = (agent: string) => agents.filter((one) => one === agent).length;
  const strangers = ["planner-agent", "rogue-agent"].map((agent) => expect.objectContaining({ agent, calls: calls(agent) }));
  expect(report.unregistered).toEqual(strangers);
  expect(report.ungoverned).toEqual(strangers);
  expect(report.unseen.map(({ agent }) => agent)).toEqual(["idle-agent"]);
  expect(report.unused.map(({ agent, tool, action }) => `${agent} ${tool}:${action}`).sort()).toEqual([
    "finance-agent stripe-payments:refund",
    "sleeper-agent mail:send",
    "sleeper-agent stripe-payments:create_payment",
    "sleeper-agent stripe-payments:refund",
  ]);
  expect(report.unjustified.map(({ tool }) => tool)).toEqual(["mail"]);
  expect(report.overdue).toMatchObject([{ tool: "stripe-payments", reviewBy: "2026-01-31" }]);
  const published = () =>
    made.tenant.cli.run("audit", "query", "--tenant", made.tenant.name, "--kind", "control", "--json").then(({ stdout }) => stdout);
  await expect.poll(published, { timeout: 20_000 }).toContain("dev.aegis.policy.drifted.v1");
});

test("another tenant's records are nobody's draft", async () => {
  const stranger = await sharedTenant("analysis-stranger");
  await stranger.publish(shadow);
  const report = await stranger.cli.json<{ records: number }>(["policy", "replay", "--tenant", stranger.name, "--days", "30"]);
  expect(report.records).toBe(0);
  const refused = await stranger.cli.run("policy", "learn", "--tenant", stranger.name, "--agent", "finance-agent");
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining("no call of finance-agent was let through")]);
});
