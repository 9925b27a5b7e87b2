import { randomUUID } from "node:crypto";
import { services, siemSubject, subject, subjects, tenantApiPrefix, tenantStream } from "@aegis/contracts/subjects";
import { generatePassword } from "@aegis/infra/nats-server";
import { type TestBus, testBus } from "@aegis/testkit/fabric";
import { until } from "@aegis/testkit/until";
import { AckPolicy, jetstream } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Bus } from "../src/connect.ts";
import { servicePermissions } from "../src/permissions.ts";
import { publishEvent } from "../src/publish.ts";

const stack = new AsyncDisposableStack();
const tenants = ["acme", "acme-2", "globex"] as const;
const passwords = new Map(tenants.map((tenant) => [tenant, generatePassword()]));
let nats: TestBus;
const buses = new Map<string, Bus>();

const login = (tenant: (typeof tenants)[number], name: string = tenant): Promise<NatsConnection> =>
  connect({ servers: nats.url, user: tenantStream(tenant).user, pass: passwords.get(tenant) ?? "", name, timeout: 10_000 });

/** Everything that the fabric says about a tenant, and in what streams it lands. */
async function everyEvent(tenant: string): Promise<string[]> {
  const tokens = { tenant, agent: "finance-agent", decision: "allow", outcome: "executed" };
  const said: string[] = [];
  for (const [name, row] of Object.entries(subjects)) {
    const to = subject(name as keyof typeof subjects, tokens);
    await publishEvent(buses.get(row.owner) as Bus, to, { id: randomUUID() }, Buffer.from(`${tenant} ${name}`));
    said.push(`${tenant} ${name}`);
  }
  for (const ocsfClass of ["api_activity", "entity_management"]) {
    await publishEvent(
      buses.get("audit") as Bus,
      siemSubject(tenant, ocsfClass),
      { id: randomUUID() },
      Buffer.from(`${tenant} siem ${ocsfClass}`),
    );
    said.push(`${tenant} siem ${ocsfClass}`);
  }
  return said;
}

beforeAll(async () => {
  const users = services.map((user) => ({ user, password: generatePassword(), permissions: servicePermissions(user) }));
  const root = { user: "root", password: generatePassword() };
  const logins = tenants.map((tenant) => ({ ...tenantStream(tenant), password: passwords.get(tenant) ?? "" }));
  nats = stack.use(await testBus({ users: [...users, root], tenants: logins, login: root }));
  for (const { user, password } of users) buses.set(user, await nats.connect(`${user}-0`, { user, password }));
  for (const tenant of tenants) {
    const { stream, durable, filter } = tenantStream(tenant);
    const config = { durable_name: durable, filter_subject: filter, ack_policy: AckPolicy.Explicit, max_ack_pending: 1_000 };
    await (buses.get("audit") as Bus).manager.consumers.add(stream, config);
  }
});
afterAll(() => stack.disposeAsync());

test("a tenant's login hears every event of its tenant as it is said, and none of another's", async () => {
  const own = await login("acme");
  const heard: string[] = [];
  for (const to of tenantStream("acme").hears) {
    own.subscribe(to, { callback: (_, message) => void heard.push(message.string()) });
  }
  await own.flush();
  const said: string[] = [];
  for (const tenant of tenants) {
    const all = await everyEvent(tenant);
    if (tenant === "acme") said.push(...all);
  }
  await until(() => heard.length >= said.length, { what: "everything of the tenant is heard" });
  expect(heard.toSorted()).toEqual(said.toSorted());
  await own.close();
});

test("it reads its records from its durable consumer without a gap, and goes on where it was", async () => {
  const read = async (most: number) => {
    const own = await login("acme");
    const consumer = await jetstream(own, { apiPrefix: tenantApiPrefix }).consumers.get("SIEM", tenantStream("acme").durable);
    const texts: string[] = [];
    for await (const message of await consumer.fetch({ max_messages: most, expires: 2_000 })) {
      texts.push(message.string());
      expect(await message.ackAck()).toBe(true);
    }
    await own.close();
    return texts;
  };
  expect(await read(1)).toEqual(["acme siem api_activity"]);
  await everyEvent("acme");
  await everyEvent("acme-2");
  expect(await read(10)).toEqual(["acme siem entity_management", "acme siem api_activity", "acme siem entity_management"]);
});

test("whatever else it listens to, asks for or says is refused", async () => {
  const own = await login("acme");
  const refused: string[] = [];
  void (async () => {
    for await (const status of own.status()) if (status.type === "error") refused.push(String(status.error));
  })();
  const heard: string[] = [];
  const listened = [
    ">",
    "aegis.>",
    "aegis.*.*.>",
    "aegis.decision.*.>",
    "aegis.siem.ocsf.globex.>",
    "aegis.siem.ocsf.acme-2.>",
    "$JS.>",
    "_INBOX_audit.>",
  ];
  for (const to of listened) own.subscribe(to, { callback: (error, message) => void (error ?? heard.push(message.subject)) });
  await own.flush();
  await everyEvent("globex");
  await everyEvent("acme-2");
  const asked = [
    "$JS.API.CONSUMER.MSG.NEXT.SIEM.tenant-globex",
    "$JS.API.CONSUMER.INFO.SIEM.tenant-globex",
    "AEGIS.API.CONSUMER.MSG.NEXT.SIEM.tenant-globex",
    "AEGIS.API.CONSUMER.INFO.SIEM.tenant-globex",
    "$JS.ACK.SIEM.tenant-globex.1.1.1.1.0",
    "$JS.API.CONSUMER.CREATE.SIEM.mine",
    "$JS.API.CONSUMER.DURABLE.CREATE.SIEM.mine",
    "$JS.API.STREAM.INFO.SIEM",
    "$JS.API.STREAM.MSG.GET.SIEM",
    "$JS.API.DIRECT.GET.SIEM",
    "$JS.API.STREAM.NAMES",
    "$JS.API.CONSUMER.DELETE.SIEM.tenant-acme",
    "aegis.decision.acme.finance-agent.allow",
    "aegis.siem.ocsf.globex.api_activity",
    "aegis.policy.globex.published",
  ];
  for (const to of asked) own.publish(to, "{}", { reply: "_INBOX.x" });
  await own.flush();
  await until(() => [...listened, ...asked].every((to) => refused.some((text) => text.includes(`"${to}"`))), { what: "each is refused" });
  expect(heard).toEqual([]);
  await own.close();
});

test("an answer cannot be sent into a stream: it stays in the account that asked", async () => {
  const own = await login("globex");
  const manager = nats.bus.manager;
  const before = (await manager.streams.info("CONTROL")).state.messages;
  own.publish("AEGIS.API.CONSUMER.MSG.NEXT.SIEM.tenant-globex", JSON.stringify({ batch: 10, no_wait: true }), {
    reply: "aegis.policy.acme.published",
  });
  own.publish("AEGIS.API.CONSUMER.INFO.SIEM.tenant-globex", "", { reply: "aegis.policy.acme.published" });
  await own.flush();
  const consumer = await jetstream(own, { apiPrefix: tenantApiPrefix }).consumers.get("SIEM", tenantStream("globex").durable);
  await consumer.info();
  expect((await manager.streams.info("CONTROL")).state.messages).toBe(before);
  await own.close();
});

test("another's password opens nothing", async () => {
  const wrong = connect({ servers: nats.url, user: "tenant-acme", pass: passwords.get("globex") ?? "", reconnect: false });
  await expect(wrong).rejects.toThrow(/[Aa]uth/);
});
