import { type TestBus, testBus, testLogger } from "@aegis/testkit/fabric";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Bus, connectBus } from "../src/connect.ts";
import { openBucket } from "../src/kv.ts";
import { openObjects } from "../src/objects.ts";
import { ensureStreams } from "../src/streams.ts";

describe("a bus that was told how many copies there must be", () => {
  let nats: TestBus;
  let bus: Bus;
  beforeAll(async () => {
    nats = await testBus();
    bus = await connectBus({ url: nats.url, name: "three", replicas: 3, logger: testLogger() });
  });
  afterAll(async () => {
    await bus[Symbol.asyncDispose]();
    await nats[Symbol.asyncDispose]();
  });

  test("finds every stream, bucket and object store that has fewer, whoever opens it", async () => {
    const fewer = (stream: string) => ({
      code: "precondition_failed",
      details: { stream, differences: [{ setting: "num_replicas", wanted: 3, actual: 1 }] },
    });
    await expect(ensureStreams(bus)).rejects.toMatchObject(fewer("DECISIONS"));
    await expect((await openBucket(bus, "revocations")).get("acme.a")).rejects.toMatchObject(fewer("KV_revocations"));
    await expect((await openObjects(bus, "bundles")).get("acme/1-ab")).rejects.toMatchObject(fewer("OBJ_bundles"));
  });
});
