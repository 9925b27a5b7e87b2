import { randomUUID } from "node:crypto";
import { type TestBus, testBus, testLogger } from "@aegis/testkit/fabric";
import { until } from "@aegis/testkit/until";
import { AckPolicy, DeliverPolicy } from "@nats-io/jetstream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { consume } from "../src/consume.ts";
import { publishEvent } from "../src/publish.ts";
import { ensureStreams } from "../src/streams.ts";

const logger = testLogger();

describe("reading a stream", () => {
  let nats: TestBus;
  beforeAll(async () => {
    nats = await testBus();
  });
  afterAll(() => nats[Symbol.asyncDispose]());

  test("a batch that fails is delivered again, and one that is acked is not", async () => {
    const deliveries: number[] = [];
    await publishEvent(nats.bus, "aegis.outcome.acme.finance-agent.executed", { id: randomUUID() });
    await using reader = consume(nats.bus, {
      stream: "DECISIONS",
      durable: "failing",
      logger,
      onBatch: async ([message]) => {
        deliveries.push(message?.deliveries ?? 0);
        if (deliveries.length < 3) throw new Error("not yet");
        await message?.ack();
      },
    });
    await until(() => deliveries.length === 3);
    await until(async () => (await nats.bus.manager.consumers.info("DECISIONS", "failing")).num_ack_pending === 0);
    expect(deliveries).toEqual([1, 2, 3]);
    expect(reader.lag()).toBe(0);
  });

  test("a backlog comes in batches, in order", async () => {
    const published = [];
    for (let i = 0; i < 500; i++) {
      published.push(publishEvent(nats.bus, `aegis.decision.acme.agent-${i}.deny`, { id: randomUUID() }));
    }
    await Promise.all(published);
    const batches: number[] = [];
    const sequences: number[] = [];
    await using _reader = consume(nats.bus, {
      stream: "DECISIONS",
      durable: "backlog",
      filter: "aegis.decision.>",
      batch: 100,
      logger,
      onBatch: async (messages) => {
        batches.push(messages.length);
        sequences.push(...messages.map((message) => message.streamSequence));
        await Promise.all(messages.map((message) => message.ack()));
      },
    });
    await until(() => sequences.length === 500);
    expect(Math.max(...batches)).toBeLessThanOrEqual(100);
    expect(batches.length).toBeLessThan(100);
    expect(sequences).toEqual([...sequences].sort((a, b) => a - b));
  });

  test("the bytes published are the bytes read", async () => {
    const bytes = new TextEncoder().encode('{ "id" :  "x" }');
    const id = randomUUID();
    await publishEvent(nats.bus, "aegis.identity.acme.issued", { id }, bytes);
    const read: Uint8Array[] = [];
    await using _reader = consume(nats.bus, {
      stream: "CONTROL",
      durable: "bytes",
      logger,
      onBatch: async (messages) => {
        for (const message of messages) {
          read.push(message.bytes);
          expect(message.id).toBe(id);
          expect(message.json()).toEqual({ id: "x" });
          await message.ack();
        }
      },
    });
    await until(() => read.length === 1);
    expect(new Uint8Array(read[0] ?? [])).toEqual(bytes);
  });

  test("a stream that is not as it must be is named, with what differs", async () => {
    await nats.bus.manager.streams.delete("LEDGER");
    await nats.bus.manager.streams.add({ name: "LEDGER", subjects: ["aegis.ledger.>"], max_age: 1_000_000_000 });
    await expect(ensureStreams(nats.bus)).rejects.toMatchObject({
      code: "precondition_failed",
      details: { stream: "LEDGER", differences: expect.arrayContaining([expect.objectContaining({ setting: "max_age" })]) },
    });
    await nats.bus.manager.streams.delete("LEDGER");
    await ensureStreams(nats.bus);
  });

  test("what another stream's consumer delivers into a reader's inbox is dropped, not handed over", async () => {
    const { manager, connection } = nats.bus;
    const pulls: string[] = [];
    connection.subscribe("$JS.API.CONSUMER.MSG.NEXT.CONTROL.wary", { callback: (_, request) => void pulls.push(request.reply ?? "") });
    await connection.flush();
    const handed: string[] = [];
    const told: unknown[] = [];
    await using _reader = consume(nats.bus, {
      stream: "CONTROL",
      durable: "wary",
      logger: { ...logger, error: (fields: unknown) => void told.push(fields) } as unknown as typeof logger,
      onBatch: async (messages) => {
        for (const message of messages) {
          handed.push(message.subject);
          await message.ack();
        }
      },
    });
    await until(() => pulls.length > 0);
    await until(async () => (await manager.consumers.info("CONTROL", "wary")).num_pending === 0);
    const deliver = { deliver_subject: pulls.at(-1) ?? "", deliver_policy: DeliverPolicy.New, ack_policy: AckPolicy.None };
    await manager.consumers.add("DECISIONS", { name: "rogue", ...deliver });
    const foreign = "aegis.outcome.acme.finance-agent.failed";
    await publishEvent(nats.bus, foreign, { id: randomUUID() });
    await until(() => told.length > 0 || handed.includes(foreign));
    await publishEvent(nats.bus, "aegis.policy.acme.activated", { id: randomUUID() });
    await until(() => handed.includes("aegis.policy.acme.activated"));
    expect(handed).not.toContain(foreign);
    expect(told).toEqual([expect.objectContaining({ stream: "CONTROL", durable: "wary", subject: foreign })]);
    await manager.consumers.delete("DECISIONS", "rogue");
  });

  test("a message of a subject the stream should not have is never handed over, and not delivered again", async () => {
    const { manager, jetstream } = nats.bus;
    const { subjects } = (await manager.streams.info("LEDGER")).config;
    await manager.streams.update("LEDGER", { subjects: [...subjects, "strange.>"] });
    await jetstream.publish("strange.thing", "{}");
    await publishEvent(nats.bus, "aegis.ledger.acme.checkpoint", { id: randomUUID() });
    const handed: string[] = [];
    await using _reader = consume(nats.bus, {
      stream: "LEDGER",
      durable: "strict",
      logger,
      onBatch: async (messages) => {
        for (const message of messages) {
          handed.push(message.subject);
          await message.ack();
        }
      },
    });
    await until(() => handed.length > 0);
    await until(async () => (await manager.consumers.info("LEDGER", "strict")).num_ack_pending === 0);
    expect(handed).toEqual(["aegis.ledger.acme.checkpoint"]);
    await manager.streams.update("LEDGER", { subjects });
  });

  test("a subject that no stream captures is refused instead of lost", async () => {
    await expect(publishEvent(nats.bus, "aegis.watermark.authz-0", { id: randomUUID() })).rejects.toMatchObject({
      code: "invalid_argument",
    });
  });
});
