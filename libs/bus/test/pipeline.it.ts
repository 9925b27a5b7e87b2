import { randomUUID } from "node:crypto";
import { type TestBus, testBus } from "@aegis/testkit/fabric";
import { until } from "@aegis/testkit/until";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openPipeline } from "../src/pipeline.ts";
import { ensureStreams } from "../src/streams.ts";

let nats: TestBus;
beforeAll(async () => {
  nats = await testBus();
});
afterAll(() => nats[Symbol.asyncDispose]());

const subject = "aegis.decision.acme.finance-agent.allow";
const bytes = Buffer.from('{"id":"x"}');

test("2,000 events at once are each stored once, and a repeat is known as one", async () => {
  using pipeline = openPipeline(nats.bus);
  const ids = Array.from({ length: 2_000 }, () => randomUUID());
  const stored = await Promise.all(ids.map((id) => pipeline.publish(subject, id, bytes)));
  expect(new Set(stored.map((one) => one.sequence)).size).toBe(2_000);
  expect(stored.some((one) => one.duplicate)).toBe(false);
  const again = await pipeline.publish(subject, ids[7] as string, bytes);
  expect(again).toEqual({ duplicate: true, sequence: stored[7]?.sequence });
  const message = await nats.bus.manager.streams.getMessage("DECISIONS", { seq: again.sequence });
  expect([message?.subject, message?.header.get("Nats-Msg-Id"), message?.string()]).toEqual([subject, ids[7], bytes.toString()]);
});

test("a subject that no stream captures is refused", async () => {
  using pipeline = openPipeline(nats.bus);
  await expect(pipeline.publish("aegis.unknown.x", randomUUID(), bytes)).rejects.toMatchObject({ code: "invalid_argument" });
});

test("JetStream's refusal is told, and so is that no stream is there to answer", async () => {
  using pipeline = openPipeline(nats.bus);
  await nats.bus.manager.streams.update("DECISIONS", { max_msg_size: 512 });
  const large = pipeline.publish(subject, randomUUID(), Buffer.alloc(1_000, 0x20));
  await expect(large).rejects.toMatchObject({ code: "internal", message: expect.stringContaining("message size exceeds") });
  expect(await pipeline.publish(subject, randomUUID(), bytes)).toMatchObject({ duplicate: false });
  await nats.bus.manager.streams.delete("DECISIONS");
  await expect(pipeline.publish(subject, randomUUID(), bytes)).rejects.toMatchObject({ code: "unavailable" });
  await ensureStreams(nats.bus);
});

test("what is not answered in time fails, the earliest first", async () => {
  using pipeline = openPipeline(nats.bus, { timeoutMs: 20 });
  // No stream answers, and somebody listens and says nothing: without a listener the server would say so at once.
  await nats.bus.manager.streams.delete("LEDGER");
  const silent = nats.bus.connection.subscribe("aegis.ledger.>");
  await nats.bus.connection.flush();
  const order: number[] = [];
  const failures = [1, 2, 3].map((one) =>
    pipeline.publish("aegis.ledger.acme.checkpoint", randomUUID(), bytes).catch((error) => order.push(one) && error.code),
  );
  expect(await Promise.all(failures)).toEqual(["deadline_exceeded", "deadline_exceeded", "deadline_exceeded"]);
  expect(order).toEqual([1, 2, 3]);
  silent.unsubscribe();
  await ensureStreams(nats.bus);
});

test("a lost connection fails what waits at once; the same pipeline goes on after the reconnect", async () => {
  using pipeline = openPipeline(nats.bus, { timeoutMs: 60_000 });
  await pipeline.publish(subject, randomUUID(), bytes);
  const id = randomUUID();
  await nats.kill();
  await expect(pipeline.publish(subject, id, bytes)).rejects.toMatchObject({ code: "unavailable" });
  await nats.start();
  await until(() => nats.bus.connected(), { what: "the bus is connected", timeoutMs: 30_000 });
  const stored = await until(() => pipeline.publish(subject, id, bytes).catch(() => undefined), {
    what: "it is stored",
    timeoutMs: 30_000,
  });
  expect(stored).toMatchObject({ sequence: expect.any(Number) });
});
