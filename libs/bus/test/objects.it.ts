import { type TestBus, testBus } from "@aegis/testkit/fabric";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openObjects } from "../src/objects.ts";

const first = new Uint8Array(400_000).fill(1);
const second = new Uint8Array(300_000).fill(2);

describe("objects that change while they are read", () => {
  let nats: TestBus;
  beforeAll(async () => {
    nats = await testBus();
  });
  afterAll(() => nats[Symbol.asyncDispose]());

  const consumers = async () => (await nats.bus.manager.streams.info("OBJ_bundles")).state.consumer_count;

  test("a reader gets the old object or the new one, whole, and leaves nothing behind", async () => {
    const objects = await openObjects(nats.bus, "bundles");
    const reader = await openObjects(await nats.connect("reader"), "bundles");
    await objects.put("acme/1-ab", first);
    let writing = true;
    const writer = (async () => {
      for (let i = 0; i < 60; i++) await objects.put("acme/1-ab", i % 2 === 0 ? second : first);
      writing = false;
    })();
    const sizes = new Set<number | undefined>();
    while (writing) {
      const reads = await Promise.all(Array.from({ length: 4 }, () => reader.get("acme/1-ab")));
      for (const bytes of reads) sizes.add(bytes?.length);
    }
    await writer;
    expect([...sizes].sort()).toEqual([second.length, first.length]);
    expect(await reader.get("acme/1-ab")).toEqual(first);
    expect(await consumers()).toBe(0);
  });

  test("an object whose bytes are gone is unavailable in time, and whole again once it is put again", async () => {
    const objects = await openObjects(nats.bus, "bundles", { timeoutMs: 1_000 });
    await objects.put("acme/2-cd", first);
    await nats.bus.manager.streams.purge("OBJ_bundles", { filter: "$O.bundles.C.>" });
    await expect(objects.get("acme/2-cd")).rejects.toMatchObject({ code: "unavailable" });
    expect([await objects.look("acme/2-cd"), await objects.look("acme/9-zz")]).toEqual(["damaged", undefined]);
    expect(await consumers()).toBe(0);
    const patient = await openObjects(nats.bus, "bundles");
    const read = patient.get("acme/2-cd");
    await objects.put("acme/2-cd", second);
    expect(await read).toEqual(second);
    expect(await objects.look("acme/2-cd")).toEqual(second);
  });

  test("no object, an empty one and a lost store are told apart", async () => {
    const objects = await openObjects(nats.bus, "bundles");
    expect(await objects.get("acme/3-ef")).toBeUndefined();
    await objects.put("acme/3-ef", new Uint8Array(0));
    expect(await objects.get("acme/3-ef")).toEqual(new Uint8Array(0));
    await nats.bus.manager.streams.delete("OBJ_bundles");
    expect(await objects.get("acme/3-ef")).toBeUndefined();
  });

  test("a server that is gone makes neither call wait for ever", async () => {
    const objects = await openObjects(nats.bus, "bundles", { timeoutMs: 500 });
    await objects.put("acme/4-ab", first);
    await nats.kill();
    for (const call of [objects.get("acme/4-ab"), objects.put("acme/4-ab", second)]) {
      await expect(call).rejects.toMatchObject({ code: "unavailable" });
    }
    await nats.start();
  });
});
