import { randomUUID } from "node:crypto";
import { type ServiceName, services, stores, subject, subjects } from "@aegis/contracts/subjects";
import { generatePassword } from "@aegis/infra/nats-server";
import { type TestBus, testBus, testLogger } from "@aegis/testkit/fabric";
import { until } from "@aegis/testkit/until";
import { connect } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Bus } from "../src/connect.ts";
import { consume } from "../src/consume.ts";
import { openBucket } from "../src/kv.ts";
import { openObjects } from "../src/objects.ts";
import { observableSubjects, servicePermissions } from "../src/permissions.ts";
import { publishEvent } from "../src/publish.ts";
import { definitions, ensureStreams } from "../src/streams.ts";

const logger = testLogger();
const tokens = { tenant: "acme", agent: "finance-agent", decision: "allow", outcome: "executed" };
const refused = expect.objectContaining({ code: "permission_denied" });

describe("what the server lets each service do", () => {
  let nats: TestBus;
  const stack = new AsyncDisposableStack();
  const buses = new Map<ServiceName, Bus>();
  const bus = (service: ServiceName) => buses.get(service) as Bus;

  beforeAll(async () => {
    const users = services.map((user) => ({ user, password: generatePassword(), permissions: servicePermissions(user) }));
    const root = { user: "root", password: generatePassword() };
    nats = stack.use(await testBus({ users: [...users, root], observable: observableSubjects, login: root }));
    for (const { user, password } of users) buses.set(user, await nats.connect(`${user}-0`, { user, password }));
  });
  afterAll(() => stack.disposeAsync());

  test("each publishes every event it owns and no other", async () => {
    for (const [name, row] of Object.entries(subjects)) {
      const event = { id: randomUUID() };
      const to = subject(name as keyof typeof subjects, tokens);
      for (const service of services) {
        const published = publishEvent(bus(service), to, event, undefined, { timeoutMs: 2_000 });
        if (service === row.owner) expect((await published).sequence, `${service} on ${to}`).toBeGreaterThan(0);
        else await expect(published, `${service} on ${to}`).rejects.toEqual(refused);
      }
    }
  });

  test("each checks and makes all streams, and reads those it consumes", async () => {
    for (const service of services) await ensureStreams(bus(service));
    await publishEvent(bus("authz"), subject("decision", tokens), { id: randomUUID() });
    await publishEvent(bus("authz"), subject("policyActivated", tokens), { id: randomUUID() });
    for (const [service, stream, durable] of [
      ["audit", "DECISIONS", "audit-decisions"],
      ["audit", "CONTROL", "audit-control"],
      ["approvals", "DECISIONS", "approvals"],
      ["approvals", "CONTROL", "approvals-registered"],
      ["approvals", "CONTROL", "approvals-revoked"],
      ["approvals", "CONTROL", "approvals-tripped"],
      ["approvals", "CONTROL", "approvals-threshold"],
      ["approvals", "CONTROL", "approvals-exhausted"],
      ["approvals", "CONTROL", "approvals-published"],
      ["budget", "DECISIONS", "budget"],
      ["policy-compiler", "CONTROL", "policy-compiler-activations"],
    ] as const) {
      let read = 0;
      await using _reader = consume(bus(service), {
        stream,
        durable,
        ...(stream === "CONTROL" ? { filter: "aegis.policy.*.activated" } : {}),
        logger,
        onBatch: async (messages) => {
          await Promise.all(messages.map((message) => message.ack()));
          read += messages.length;
        },
      });
      await until(() => read > 0, { what: `${durable} reads ${stream}` });
    }
  });

  test("none takes, or answers for, what another was sent", async () => {
    for (const call of [
      "$JS.API.CONSUMER.MSG.NEXT.DECISIONS.audit-decisions",
      "$JS.ACK.DECISIONS.audit-decisions.1.1.1.1.0",
      "$JS.API.CONSUMER.CREATE.DECISIONS.audit-decisions",
      "$JS.API.CONSUMER.DELETE.DECISIONS.audit-decisions",
      "$JS.API.CONSUMER.CREATE.DECISIONS",
    ]) {
      for (const service of services) {
        if (service === "audit" && !call.includes("DELETE") && call !== "$JS.API.CONSUMER.CREATE.DECISIONS") continue;
        const asked = bus(service).connection.request(call, "{}", { timeout: 2_000 });
        await expect(asked, `${service} ${call}`).rejects.toThrow(/permission/i);
      }
    }
  });

  test("a bucket is written by its owner alone, and followed by all", async () => {
    const heads = await openBucket(bus("policy-compiler"), stores.policyHeads);
    await heads.put("acme", "head");
    expect((await heads.get("acme"))?.revision).toBe(1);
    const reading = await openBucket(bus("authz"), stores.policyHeads);
    for (const service of services) {
      const seen: string[] = [];
      await using _watch = (await openBucket(bus(service), stores.policyHeads)).watch({ onEntry: (key) => seen.push(key), logger });
      await until(() => seen.includes("acme"), { what: `${service} follows the heads` });
    }
    await expect(reading.put("acme", "forged")).rejects.toEqual(refused);
    await expect((await openBucket(bus("budget"), stores.revocations)).put("acme.a", "{}")).rejects.toEqual(refused);
    await (await openBucket(bus("token"), stores.revocations)).put("acme.a", "{}");
    await (await openBucket(bus("authz"), stores.replicas)).put("authz-0", "{}");
  });

  test("none but their owner copies what the buckets hold to where it may not write", async () => {
    const revocations = await openBucket(bus("token"), stores.revocations);
    await revocations.put("acme.resumed", "{}");
    await revocations.delete("acme.resumed");
    const revision = await revocations.put("acme.victim", '{"state":"revoked"}');
    for (const service of services.filter((one) => one !== "token")) {
      const copied = "$JS.API.DIRECT.GET.KV_revocations.$KV.revocations.acme.resumed";
      bus(service).connection.publish(copied, "", { reply: "$KV.revocations.acme.victim" });
      const body = JSON.stringify({ last_by_subj: "$KV.revocations.acme.resumed" });
      bus(service).connection.publish("$JS.API.DIRECT.GET.KV_revocations", body, { reply: "$KV.revocations.acme.victim" });
      await bus(service).connection.flush();
      expect((await revocations.get("acme.victim"))?.revision, service).toBe(revision);
    }
  });

  test("bundles are stored by the compiler alone", async () => {
    const objects = await openObjects(bus("policy-compiler"), stores.bundles);
    await objects.put("acme/1-ab", new Uint8Array(10));
    await objects.put("acme/1-ab", new Uint8Array(11));
    expect(await (await openObjects(bus("authz"), stores.bundles)).get("acme/1-ab")).toEqual(new Uint8Array(11));
    await expect((await openObjects(bus("authz"), stores.bundles)).put("acme/2-cd", new Uint8Array(1))).rejects.toEqual(refused);
  });

  test("watermarks come from audit alone and reach authz", async () => {
    const heard: string[] = [];
    bus("authz").connection.subscribe("aegis.watermark.*", { callback: (_, message) => void heard.push(message.subject) });
    await bus("authz").connection.flush();
    bus("audit").connection.publish("aegis.watermark.authz-0", "{}");
    await until(() => heard.length === 1);
    bus("authz").connection.publish("aegis.watermark.authz-1", "{}");
    bus("token").connection.publish("aegis.watermark.authz-1", "{}");
    await Promise.all([bus("authz").connection.flush(), bus("token").connection.flush()]);
    bus("audit").connection.publish("aegis.watermark.authz-2", "{}");
    await until(() => heard.includes("aegis.watermark.authz-2"));
    expect(heard).toEqual(["aegis.watermark.authz-0", "aegis.watermark.authz-2"]);
  });

  test("none deletes, changes or purges a stream, or hears another's answers", async () => {
    for (const service of services) {
      const { connection } = bus(service);
      for (const call of ["STREAM.DELETE.DECISIONS", "STREAM.UPDATE.DECISIONS", "STREAM.PURGE.CONTROL", "STREAM.MSG.DELETE.LEDGER"]) {
        await expect(connection.request(`$JS.API.${call}`, "{}", { timeout: 2_000 }), `${service} ${call}`).rejects.toThrow(/permission/i);
      }
      const other = service === "token" ? "audit" : "token";
      for (const heard of [`_INBOX_${other}.>`, "_INBOX.>", ">", "$JS.>", "$KV.>"]) {
        const subscription = connection.subscribe(heard);
        expect(await subscription.closed, `${service} hears ${heard}`).toBeInstanceOf(Error);
      }
    }
  });

  test("someone without a login hears every event with its headers, and neither says anything nor reaches JetStream", async () => {
    const connection = await connect({ servers: nats.url });
    stack.defer(() => connection.close());
    const heard = new Map<string, string | undefined>();
    connection.subscribe("aegis.>", {
      callback: (_, message) => void heard.set(message.subject, message.headers?.get("Nats-Msg-Id")),
    });
    await connection.flush();
    for (const [name, row] of Object.entries(subjects)) {
      const event = { id: randomUUID() };
      const to = subject(name as keyof typeof subjects, tokens);
      await publishEvent(bus(row.owner), to, event);
      await until(() => heard.get(to) === event.id, { what: `${to} is heard` });
    }
    for (const call of [
      "aegis.policy.acme.published",
      "aegis.recall",
      "aegis.callfailed",
      "aegis.agentstreak",
      "$KV.policy-heads.acme",
      "$JS.API.INFO",
      "$JS.API.STREAM.NAMES",
      "$JS.API.STREAM.MSG.GET.DECISIONS",
      "$JS.API.STREAM.DELETE.DECISIONS",
      "$JS.API.STREAM.CREATE.MINE",
      "$JS.API.CONSUMER.CREATE.DECISIONS",
      "$JS.API.CONSUMER.MSG.NEXT.DECISIONS.audit-decisions",
      "$JS.ACK.DECISIONS.audit-decisions.1.1.1.1.0",
    ]) {
      await expect(connection.request(call, "{}", { timeout: 2_000 }), call).rejects.toThrow(/permission/i);
    }
    for (const other of [">", "$JS.>", "$KV.>", "$SYS.>", "_INBOX_authz.>"]) {
      expect(await connection.subscribe(other).closed, `hears ${other}`).toBeInstanceOf(Error);
    }
  });

  test("someone without a login writes nothing through the subject that an answer is to go to", async () => {
    const connection = await connect({ servers: nats.url });
    stack.defer(() => connection.close());
    const before = await stored();
    for (const call of [
      "$JS.API.INFO",
      "$JS.API.STREAM.NAMES",
      "$JS.API.STREAM.INFO.DECISIONS",
      "aegis.decision.acme.finance-agent.allow",
    ]) {
      connection.publish(call, "", { reply: "$KV.revocations.victim.finance-agent" });
    }
    await connection.flush();
    expect(await stored()).toEqual(before);
    expect(await (await openBucket(bus("token"), stores.revocations)).get("victim.finance-agent")).toBeUndefined();
  });

  test("someone without a login writes nothing through the subject that a consumer is to deliver to", async () => {
    const connection = await connect({ servers: nats.url });
    stack.defer(() => connection.close());
    await publishEvent(bus("authz"), subject("decision", tokens), { id: randomUUID() });
    const before = await stored();
    for (const [name, deliver] of Object.entries({ one: "$KV.policy-heads.x", two: "aegis.policy.acme.published" })) {
      const config = { name, deliver_subject: deliver, deliver_policy: "all", ack_policy: "none", replay_policy: "instant" };
      const body = JSON.stringify({ stream_name: "DECISIONS", config });
      for (const call of ["", `.${name}`]) connection.publish(`$JS.API.CONSUMER.CREATE.DECISIONS${call}`, body, { reply: "_INBOX.none" });
    }
    await connection.flush();
    for (const name of ["one", "two"]) {
      await expect(nats.bus.manager.consumers.info("DECISIONS", name), name).rejects.toThrow(/not found/i);
    }
    expect(await stored()).toEqual(before);
    expect(await (await openBucket(bus("policy-compiler"), stores.policyHeads)).get("x")).toBeUndefined();
  });

  test("the name of a service's consumer cannot be smuggled in behind another", async () => {
    const create = (to: string, named: object) => {
      const config = { ...named, ack_policy: "explicit", filter_subject: "aegis.outcome.>", deliver_policy: "all" };
      return bus("budget").connection.request(to, JSON.stringify({ stream_name: "DECISIONS", config }), { timeout: 2_000 });
    };
    for (const named of [{ durable_name: "audit-decisions" }, { name: "audit-decisions" }]) {
      await expect(create("$JS.API.CONSUMER.CREATE.DECISIONS", named)).rejects.toThrow(/permission/i);
      const answer = await create("$JS.API.CONSUMER.CREATE.DECISIONS.budget.aegis.outcome.>", named);
      const made = answer.json<{ name?: string; error?: unknown }>();
      expect(made.error !== undefined || made.name === "budget", JSON.stringify(made)).toBe(true);
    }
    const { config } = await nats.bus.manager.consumers.info("DECISIONS", "audit-decisions");
    expect(config.filter_subject).toBeUndefined();
  });

  /** How many messages each stream, bucket and object store has ever taken. */
  async function stored(): Promise<Record<string, number>> {
    const infos = await Promise.all(definitions().map(({ name }) => nats.bus.manager.streams.info(name)));
    return Object.fromEntries(infos.map(({ config, state }) => [config.name, state.last_seq]));
  }
});
