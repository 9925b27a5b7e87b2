import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { jetstream } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { root } from "../src/cli.ts";
import { payments } from "../src/documents.ts";
import { sharedTenant, type Tenant } from "../src/tenant.ts";

let tenant: Tenant;
let other: Tenant;
const stack = new AsyncDisposableStack();

const pay = (of: Tenant, amount: number, memo = "supplies") =>
  of.check({
    agent: "finance-agent",
    tool: "stripe-payments",
    action: "create_payment",
    args: { amount, currency: "USD", recipient: "acct_ink", memo },
  });

beforeAll(async () => {
  tenant = await sharedTenant("siem");
  other = await sharedTenant("siem-other");
  for (const one of [tenant, other]) {
    await one.publish(payments);
    await one.register("finance-agent");
    await pay(one, 20);
  }
}, 240_000);
afterAll(() => stack.disposeAsync());

interface Credentials {
  url: string;
  user: string;
  passwordFile: string;
  subjects: string[];
  stream: string;
  durable: string;
  apiPrefix: string;
}

test("a tenant's stream credentials read its own events, live and from the durable, and nothing of another's", async () => {
  const own = await tenant.cli.json<Credentials>(["tenant", "stream-credentials", "--tenant", tenant.name]);
  const theirs = await tenant.cli.json<Credentials>(["tenant", "stream-credentials", "--tenant", other.name]);
  const pass = (await readFile(own.passwordFile, "utf8")).trim();
  const connection = await vi.waitFor(() => connect({ servers: own.url, user: own.user, pass, timeout: 5_000 }), 20_000);
  stack.defer(() => connection.close());
  const heard: string[] = [];
  for (const to of [...own.subjects, ...theirs.subjects, "aegis.>", ">"])
    connection.subscribe(to, { callback: (error, message) => void (error ?? heard.push(message.subject)) });
  await connection.flush();
  const [decided] = await Promise.all([pay(tenant, 21), pay(other, 22)]);
  await vi.waitFor(() => expect(heard.some((subject) => subject.startsWith(`aegis.siem.ocsf.${tenant.name}.`))).toBe(true), 30_000);
  expect(heard.filter((subject) => subject.split(".")[2] !== tenant.name && subject.split(".")[3] !== tenant.name)).toEqual([]);
  expect(heard).toContain(`aegis.decision.${tenant.name}.finance-agent.allow`);

  const consumer = await jetstream(connection, { apiPrefix: own.apiPrefix }).consumers.get(own.stream, own.durable);
  const tenants = new Set<string>();
  const ids = new Set<string>();
  await vi.waitFor(async () => {
    for await (const message of await consumer.fetch({ max_messages: 100, expires: 1_000 })) {
      const record = message.json<{ metadata: { tenant_uid: string; uid: string } }>();
      tenants.add(record.metadata.tenant_uid);
      ids.add(record.metadata.uid);
      message.ack();
    }
    expect(ids).toContain(decided.decisionId);
  }, 30_000);
  expect([...tenants]).toEqual([tenant.name]);
  await expect(
    jetstream(connection, { apiPrefix: own.apiPrefix, timeout: 2_000 }).consumers.get(theirs.stream, theirs.durable),
  ).rejects.toThrow();
});

test("an export tells what was decided in each format, and no value that a detector found", async () => {
  const sanitized = await pay(tenant, 23, "for jo@example.com");
  expect(sanitized.decision).toBe("sanitize");
  const lines = async (format: string) => {
    const run = await tenant.cli.run("audit", "export", "--tenant", tenant.name, "--format", format);
    expect(run.code).toBe(0);
    return run.stdout.split("\n").filter(Boolean);
  };
  await vi.waitFor(async () => expect((await lines("jsonl")).join()).toContain(sanitized.decisionId), { timeout: 30_000, interval: 500 });
  for (const format of ["ocsf", "ecs", "cef", "jsonl"]) {
    const written = await lines(format);
    expect(written.length).toBeGreaterThanOrEqual(3);
    expect(written.join("\n")).toContain(sanitized.decisionId);
    expect(written.join("\n")).not.toContain("jo@example.com");
  }
});

test("a sink that an admin sets is sent what is decided; tail shows it as it comes", async () => {
  const received: string[] = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    received.push(body);
    response.writeHead(200, { "content-type": "application/json" }).end('{"text":"Success","code":0}');
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  stack.defer(() => void server.close());
  const directory = await mkdtemp(join(tmpdir(), "siem-"));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  const { mkdir, writeFile } = await import("node:fs/promises");
  const secrets = join(tenant.fabric.dataDirectory, "keys", "sink-secrets", tenant.name);
  await mkdir(secrets, { recursive: true });
  await writeFile(join(secrets, "hec"), "token");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/services/collector/event`;
  const set = ["audit", "sinks", "set", "soc", "--tenant", tenant.name, "--kind", "splunk", "--url", url, "--token", "hec"];
  expect(await tenant.cli.json(set)).toMatchObject({ name: "soc", format: "ocsf" });

  const child = spawn(join(root, "aegis"), [
    "audit",
    "tail",
    "--json",
    "--tenant",
    tenant.name,
    "--endpoints",
    tenant.cli.endpointsFile,
    "--after",
    "0",
  ]);
  stack.defer(() => void child.kill());
  let told = "";
  child.stdout.on("data", (chunk) => {
    told += chunk;
  });
  const decided = await pay(tenant, 24);
  await vi.waitFor(() => expect(received.join()).toContain(decided.decisionId), { timeout: 30_000, interval: 200 });
  await vi.waitFor(() => expect(told).toContain(decided.decisionId), { timeout: 30_000, interval: 200 });
  expect(received.join()).not.toContain(other.name);
  expect(await tenant.cli.json(["audit", "sinks", "list", "--tenant", tenant.name])).toMatchObject([{ name: "soc", rejected: 0 }]);
  await tenant.cli.json(["audit", "sinks", "remove", "soc", "--tenant", tenant.name]);
});
