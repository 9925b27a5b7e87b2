import { randomUUID } from "node:crypto";
import { type TestBus, testBus, testLogger } from "@aegis/testkit/fabric";
import { until } from "@aegis/testkit/until";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { consume } from "../src/consume.ts";
import { openBucket } from "../src/kv.ts";
import { openObjects } from "../src/objects.ts";
import { publishEvent } from "../src/publish.ts";
import { ensureStreams } from "../src/streams.ts";

const logger = testLogger();
const text = (bytes: Uint8Array | undefined) => (bytes === undefined ? undefined : new TextDecoder().decode(bytes));

describe("when NATS is killed and comes back", () => {
  let nats: TestBus;
  beforeAll(async () => {
    nats = await testBus();
  });
  afterAll(() => nats[Symbol.asyncDispose]());

  test("every event that was sent until stored is read, none is lost", async () => {
    const seen = new Set<string>();
    await using reader = consume(nats.bus, {
      stream: "DECISIONS",
      durable: "all",
      logger,
      onBatch: async (messages) => {
        for (const message of messages) seen.add(message.id ?? "");
        await Promise.all(messages.map((message) => message.ack()));
      },
    });
    const sent: string[] = [];
    let refused = 0;
    const send = async () => {
      const id = randomUUID();
      for (let stored = false; !stored; ) {
        try {
          await publishEvent(nats.bus, "aegis.decision.acme.finance-agent.allow", { id }, undefined, { timeoutMs: 500 });
          stored = true;
        } catch {
          refused++;
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      }
      sent.push(id);
    };
    for (let i = 0; i < 50; i++) await send();
    await nats.kill();
    await until(() => !nats.bus.connected());
    const during = send();
    await until(() => refused > 3);
    await nats.start();
    await during;
    for (let i = 0; i < 50; i++) await send();
    await until(() => seen.size === sent.length, { timeoutMs: 40_000 });
    expect([...seen].sort()).toEqual([...sent].sort());
    await until(() => reader.lag() === 0);
  });

  test("a watcher of a bucket sees what changed meanwhile, and is told when it has read everything", async () => {
    const other = await nats.connect("writer");
    const writer = await openBucket(other, "revocations");
    await writer.put("acme.a", "1");
    await writer.put("acme.b", "1");
    const state = new Map<string, string | undefined>();
    let readings = 0;
    const bucket = await openBucket(nats.bus, "revocations");
    await using _watch = bucket.watch({
      onEntry: (key, value) => state.set(key, text(value)),
      onReady: () => readings++,
      logger,
    });
    await until(() => readings === 1);
    expect(Object.fromEntries(state)).toEqual({ "acme.a": "1", "acme.b": "1" });
    await writer.put("acme.a", "2");
    await until(() => state.get("acme.a") === "2");

    await nats.kill();
    await until(() => !nats.bus.connected() && !other.connected());
    await nats.start();
    await until(() => other.connected());
    await until(() => writer.put("acme.c", "3").then(() => true));
    await writer.delete("acme.b");
    await until(() => readings >= 2 && state.get("acme.c") === "3" && state.get("acme.b") === undefined);
    expect(state.get("acme.a")).toBe("2");
  });

  test("a reader whose stream was deleted makes it again and reads on", async () => {
    const seen: string[] = [];
    await using _reader = consume(nats.bus, {
      stream: "CONTROL",
      durable: "reader",
      filter: "aegis.policy.*.published",
      logger,
      onBatch: async (messages) => {
        for (const message of messages) {
          seen.push(message.subject);
          await message.ack();
        }
      },
    });
    await publishEvent(nats.bus, "aegis.policy.acme.published", { id: randomUUID() });
    await until(() => seen.length === 1);
    await nats.bus.manager.streams.delete("CONTROL");
    await until(async () => (await nats.bus.manager.streams.info("CONTROL")) !== undefined, { timeoutMs: 30_000 });
    await publishEvent(nats.bus, "aegis.policy.acme.activated", { id: randomUUID() });
    await publishEvent(nats.bus, "aegis.policy.globex.published", { id: randomUUID() });
    await until(() => seen.length === 2, { timeoutMs: 30_000 });
    expect(seen).toEqual(["aegis.policy.acme.published", "aegis.policy.globex.published"]);
  });

  test("a bus that need not wait starts without a server and connects when there is one", async () => {
    await nats.kill();
    const bus = await nats.connect("patient", undefined, false);
    expect(bus.connected()).toBe(false);
    expect(() => bus.connection).toThrow("not connected");
    let ready = false;
    const bucket = await openBucket(bus, "policy-heads");
    await expect(bucket.get("acme")).rejects.toMatchObject({ code: "unavailable" });
    await using _watch = bucket.watch({
      onEntry: () => undefined,
      onReady: () => {
        ready = true;
      },
      logger,
    });
    await nats.start();
    await bus.ready();
    await until(() => ready);
    expect(bus.connected()).toBe(true);
  });

  test("objects and buckets keep what they were given", async () => {
    await until(() => nats.bus.connected());
    await ensureStreams(nats.bus);
    const objects = await openObjects(nats.bus, "bundles");
    const bytes = new Uint8Array(400_000).fill(7);
    await objects.put("acme/1-ab", bytes);
    expect(await objects.get("acme/1-ab")).toEqual(bytes);
    expect(await objects.get("acme/2-cd")).toBeUndefined();
    const bucket = await openBucket(nats.bus, "policy-heads");
    const revision = await bucket.create("acme", "v1");
    await expect(bucket.create("acme", "v2")).rejects.toMatchObject({ code: "conflict" });
    await expect(bucket.update("acme", "v2", revision + 5)).rejects.toMatchObject({ code: "conflict" });
    await bucket.update("acme", "v2", revision);
    expect(text((await bucket.get("acme"))?.value)).toBe("v2");
    await bucket.delete("acme");
    expect(await bucket.get("acme")).toBeUndefined();
  });
});
