import { randomBytes } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { callAuthz } from "../src/caller.ts";
import { root } from "../src/cli.ts";
import { otelcol, startCollector } from "../src/collector.ts";
import { payments } from "../src/documents.ts";
import { type Fabric, startFabric } from "../src/fabric.ts";
import { otlpCollector } from "../src/otlp.ts";
import { prometheusTools, promtool, type RunningPrometheus, startPrometheus } from "../src/prometheus.ts";
import { type Tenant, tenantOn } from "../src/tenant.ts";

const stack = new AsyncDisposableStack();
const tools = await prometheusTools();
const withPrometheus = test.skipIf(tools === undefined);
if (tools === undefined) console.log("no prometheus and no way to get one: what needs it is skipped");
if (otelcol === undefined) console.log("no OpenTelemetry collector and no Go to build it with: services send to the tests themselves");

let fabric: Fabric;
let tenant: Tenant;
let collector: Awaited<ReturnType<typeof otlpCollector>>;
let prometheus: RunningPrometheus | undefined;

const services = ["authz", "token", "policy-compiler", "approvals", "budget", "audit"] as const;
const metricsOf = async (service: (typeof services)[number]) => (await fetch(`${fabric.endpoints[service].http}/metrics`)).text();

beforeAll(async () => {
  collector = stack.use(await otlpCollector());
  // A real collector takes what the services send, and hands it on to where the tests look.
  const receiver = otelcol === undefined ? collector : stack.use(await startCollector(otelcol, collector.url));
  // Telemetry is configured by the standard variables alone; the fabric's processes have them from us.
  Object.assign(process.env, { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_BSP_SCHEDULE_DELAY: "200" });
  try {
    fabric = stack.use(await startFabric());
  } finally {
    delete process.env.OTEL_EXPORTER_OTLP_ENDPOINT;
    delete process.env.OTEL_BSP_SCHEDULE_DELAY;
  }
  if (tools) prometheus = stack.use(await startPrometheus(tools.prometheus, fabric.endpoints));
  tenant = tenantOn(fabric, "telemetry");
  await tenant.publish(payments);
  await tenant.register("finance-agent");
}, 300_000);
afterAll(() => stack.disposeAsync());

const issue = async () =>
  (await tenant.cli.json<{ access_token: string }>(["token", "issue", "--tenant", tenant.name, "--agent", "finance-agent"])).access_token;

test("one trace leads from the orchestrator through authz's stages and the publish to the ledger", async () => {
  using caller = callAuthz(fabric.endpoints.authz.grpc, await issue());
  const [trace, parent] = [randomBytes(16).toString("hex"), randomBytes(8).toString("hex")];
  const memo = `memo-${randomBytes(8).toString("hex")}`;
  const ask = (amount: number, traceparent: string) =>
    caller.client.check(
      {
        agentToken: caller.token,
        tool: "stripe-payments",
        action: "create_payment",
        args: { case: "argumentsJson", value: Buffer.from(JSON.stringify({ amount, currency: "USD", recipient: "acct_ink", memo })) },
        context: { toolCallId: "call-7", sessionId: "session-1" },
      },
      { metadata: { traceparent } },
    );
  const allowed = await ask(20, `00-${trace}-${parent}-01`);
  const other = randomBytes(16).toString("hex");
  await ask(20, `00-${other}-${parent}-00`);
  const ours = () => collector.spans.filter((span) => span.trace === trace);
  await vi.waitFor(() => expect(ours().map(({ name }) => name)).toContain("aegis.ledger.append"), { timeout: 30_000, interval: 200 });
  const named = (name: string) => ours().find((span) => span.name === name);
  const check = named("aegis.check");
  expect(check).toMatchObject({
    service: "aegis-authz",
    parent,
    attributes: {
      "gen_ai.operation.name": "execute_tool",
      "gen_ai.agent.id": `${tenant.name}/finance-agent`,
      "gen_ai.tool.name": "create_payment",
      "gen_ai.tool.call.id": "call-7",
      "gen_ai.conversation.id": "session-1",
      "aegis.decision": "allow",
      "aegis.decision_id": allowed.decisionId,
    },
  });
  for (const stage of ["authenticate", "detect", "evaluate", "reserve", "record"])
    expect(named(`aegis.${stage}`), stage).toMatchObject({ service: "aegis-authz", parent: check?.span });
  expect(named("aegis.publish")).toMatchObject({ service: "aegis-authz", attributes: { "messaging.message.id": allowed.decisionId } });
  expect(named("aegis.ledger.append")).toMatchObject({ service: "aegis-audit" });
  expect(collector.spans.filter((span) => span.trace === other)).toEqual([]);
  expect(JSON.stringify(collector.spans)).not.toContain(memo);

  const refused = randomBytes(16).toString("hex");
  await ask(-1, `00-${refused}-${parent}-01`);
  await vi.waitFor(
    () => {
      const { events } = collector.spans.find((span) => span.trace === refused && span.name === "aegis.check")!;
      expect(events).toEqual([
        { name: "aegis.policy_violation", attributes: { "aegis.decision": "approval_needed", "aegis.reasons": "parameter_out_of_range" } },
      ]);
    },
    { timeout: 30_000, interval: 200 },
  );
});

withPrometheus("promtool finds nothing to mend in rules, configuration and alert tests, nor in any service's metrics", async () => {
  const tool = tools!.promtool;
  expect(await promtool(tool, ["check", "rules", "alerts.yml"])).toMatch(/SUCCESS: \d+ rules found/);
  expect(await promtool(tool, ["check", "config", "prometheus.yml"])).toMatch(/SUCCESS/);
  expect(await promtool(tool, ["test", "rules", "alerts.test.yml"])).toMatch(/SUCCESS/);
  const faults = await Promise.all(services.map(async (service) => promtool(tool, ["check", "metrics"], await metricsOf(service))));
  expect(faults.join("")).toBe("");
});

interface Dashboard {
  readonly title: string;
  readonly panels: readonly { readonly title: string; readonly targets: readonly { readonly expr: string }[] }[];
}

withPrometheus("each panel of each dashboard has data after the demo", async () => {
  // A counter's first value is no increase: the second run is what it counts.
  await fabric.cli.json(["demo"]);
  await vi.waitFor(async () => expect(Object.values(await prometheus!.targets())).toEqual(services.map(() => "up")), 30_000);
  await vi.waitFor(async () => expect(await prometheus!.query("sum(aegis_approval_latency_seconds_count)")).not.toEqual([]), 30_000);
  await fabric.cli.json(["demo"]);
  const folder = join(root, "deploy", "grafana");
  const queries: string[][] = [];
  for (const name of (await readdir(folder)).filter((file) => file.endsWith(".json"))) {
    const { title, panels } = JSON.parse(await readFile(join(folder, name), "utf8")) as Dashboard;
    for (const panel of panels) for (const { expr } of panel.targets) queries.push([title, panel.title, expr]);
  }
  const empty = async () => {
    const found = await Promise.all(queries.map(async ([, , expr = ""]) => (await prometheus!.query(expr)).some(Number.isFinite)));
    return queries.filter((_, at) => !found[at]);
  };
  await vi.waitFor(async () => expect(await empty()).toEqual([]), { timeout: 40_000, interval: 1_000 });
  console.log(`dashboards: ${queries.length} queries, each with data`);
});

test("every alert names a runbook that is there", async () => {
  const alerts = await readFile(join(root, "deploy", "prometheus", "alerts.yml"), "utf8");
  const runbooks = [...alerts.matchAll(/runbook: (\S+)/g)].map(([, path = ""]) => path);
  expect(runbooks.length).toBe(alerts.match(/- alert: /g)?.length);
  for (const path of new Set(runbooks)) expect(await readFile(join(root, path), "utf8")).toMatch(/^# .+\n[\s\S]+## What to do\n/);
});

test("no log, metric or export holds a secret, a token or a value that a detector found", async () => {
  const token = await issue();
  const secrets = {
    card: "4111111111111111",
    email: `${randomBytes(6).toString("hex")}@example.com`,
    key: `AKIA${randomBytes(8).toString("hex").toUpperCase()}`,
    token: token.split(".")[2] ?? "",
    garbage: randomBytes(24).toString("base64url"),
  };
  using caller = callAuthz(fabric.endpoints.authz.grpc, token);
  const ask = (args: object, more: object = {}) =>
    caller.client
      .check({
        ...{ agentToken: token, tool: "stripe-payments", action: "create_payment" },
        args: { case: "argumentsJson", value: Buffer.from(JSON.stringify(args)) },
        context: { reasoning: `because ${secrets.email} and ${secrets.card}`, purpose: secrets.email },
        ...more,
      })
      .catch(() => undefined);
  await ask({ amount: 20, currency: "USD", recipient: "acct_ink", memo: `${secrets.email} ${secrets.card} ${secrets.key}` });
  await ask({ amount: 20, [secrets.email]: 1 });
  await ask({ amount: 20 }, { overrideToken: secrets.garbage });
  await ask({ amount: 20 }, { agentToken: `${token.slice(0, -8)}${secrets.garbage.slice(0, 8)}` });
  const marker = await ask({ amount: 21, currency: "USD", recipient: "acct_ink" });
  const exported = async () => (await tenant.cli.run("audit", "export", "--tenant", tenant.name, "--kind", "all")).stdout;
  await vi.waitFor(async () => expect(await exported()).toContain(marker?.decisionId), { timeout: 30_000, interval: 500 });
  const logs = join(fabric.dataDirectory, "logs");
  const places: Record<string, string> = { export: await exported(), spans: JSON.stringify(collector.spans) };
  for (const file of await readdir(logs)) places[`logs/${file}`] = await readFile(join(logs, file), "utf8");
  for (const service of services) places[`${service}/metrics`] = await metricsOf(service);
  const leaks = Object.entries(places).flatMap(([place, text]) =>
    Object.entries(secrets).flatMap(([name, secret]) => (text.includes(secret) ? [`${name} in ${place}`] : [])),
  );
  expect(leaks).toEqual([]);
});
